"""The contents of files, one file for each, named by its digest. A kill can leave one that nothing refers to."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

from localpach.state import Content

PIECE = 1024 * 1024


def _hash() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=32)


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

    def store(self, pieces: Iterable[bytes]) -> Content:
        """Store bytes, which get their name once all of them are written. An empty content has no file."""
        temporary, digest, size = self._incoming / str(next(self._serial)), _hash(), 0
        try:
            with temporary.open("xb") as file:
                for piece in pieces:
                    file.write(piece)
                    digest.update(piece)
                    size += len(piece)
            if size:
                final = self._path(digest.hexdigest())
                final.parent.mkdir(mode=0o700, exist_ok=True)
                temporary.chmod(0o600)
                temporary.replace(final)
        finally:
            temporary.unlink(missing_ok=True)
        return Content(digest.hexdigest(), size)

    def join(self, first: Content, second: Content) -> Content:
        """Store the concatenation of two contents."""
        if not first.size or not second.size:
            return second if not first.size else first
        return self.store(itertools.chain(self.read(first), self.read(second)))

    def read(self, content: Content) -> Iterator[bytes]:
        """Yield the bytes of a content, in pieces of at most one MiB."""
        if not content.size:
            return
        with self._path(content.digest).open("rb") as file:
            while piece := file.read(PIECE):
                yield piece

    def keep_only(self, digests: set[str]) -> None:
        """Delete all other contents."""
        for path in self._objects.glob("*/*"):
            if path.name not in digests:
                path.unlink()

    def _path(self, digest: str) -> Path:
        return self._objects / digest[:2] / digest
