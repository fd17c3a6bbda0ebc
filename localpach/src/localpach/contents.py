"""The contents of files, one file for each, named by its digest. A kill can leave one that nothing refers to."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from localpach.state import Content

PIECE = 1024 * 1024


def _hash() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=32)


EMPTY = Content(_hash().hexdigest(), 0)


class Contents:
    """Stored contents. Nothing is deleted while the server runs; `keep_only` deletes when it starts."""

    def __init__(self, root: Path) -> None:
        self._objects = root / "objects"
        self._incoming = root / "incoming"
        for folder in (self._objects, self._incoming):
            folder.mkdir(mode=0o700, exist_ok=True)
        for leftover in self._incoming.iterdir():
            leftover.unlink()
        self._serial = itertools.count()

    def writer(self) -> Writer:
        """Open a new content, which is stored when the writer is closed."""
        return Writer(self._objects, self._incoming / str(next(self._serial)))

    def store(self, pieces: Iterable[bytes]) -> Content:
        with self.writer() as writer:
            for piece in pieces:
                writer.write(piece)
            return writer.stored()

    def join(self, first: Content, second: Content) -> Content:
        """Store the concatenation of two contents."""
        if not first.size or not second.size:
            return second if not first.size else first
        return self.store(itertools.chain(self.read(first), self.read(second)))

    def read(self, content: Content, offset: int = 0) -> Iterator[bytes]:
        """Yield the bytes of a content from an offset, in pieces of at most one MiB."""
        if offset >= content.size:
            return
        with self._path(content.digest).open("rb") as file:
            file.seek(offset)
            while piece := file.read(PIECE):
                yield piece

    def keep_only(self, digests: set[str]) -> None:
        """Delete all other contents."""
        for path in self._objects.glob("*/*"):
            if path.name not in digests:
                path.unlink()

    def _path(self, digest: str) -> Path:
        return self._objects / digest[:2] / digest


class Writer:
    """A content in progress."""

    def __init__(self, objects: Path, temporary: Path) -> None:
        self._objects = objects
        self._temporary = temporary
        self._file: IO[bytes] | None = None
        self._hash = _hash()
        self._size = 0

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_error: object) -> None:
        self.discard()

    def write(self, data: bytes) -> None:
        if data:
            self._file = self._file or self._temporary.open("xb")
            self._file.write(data)
            self._hash.update(data)
            self._size += len(data)

    def stored(self) -> Content:
        """Give the content its name. An empty one has no file."""
        digest = self._hash.hexdigest()
        if self._file is not None:
            self._file.close()
            final = self._objects / digest[:2] / digest
            final.parent.mkdir(mode=0o700, exist_ok=True)
            self._temporary.chmod(0o600)
            self._temporary.replace(final)
            self._file = None
        return Content(digest, self._size)

    def discard(self) -> None:
        if self._file is not None:
            self._file.close()
            self._temporary.unlink(missing_ok=True)
            self._file = None
