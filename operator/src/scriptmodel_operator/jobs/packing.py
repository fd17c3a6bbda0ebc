"""Packs files of unknown sizes while they are sent, in bounded memory."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from scriptmodel_operator.engine.values import Upload
from scriptmodel_operator.jobs.manifest import File, Manifest, Pack, check, check_path

MAX_PACK_BYTES = 256 << 20
_HEAD_BYTES = 16 << 20
"""So much of a file is read before it is decided which pack takes it. A larger one may make that pack too large."""


@dataclass(frozen=True, slots=True)
class _Opened:
    path: str
    head: list[bytes]
    rest: Iterator[bytes]
    size: int
    """That of the head."""


class Packing:
    """Iterates over the keys and contents of the packs, each of which is sent before the next."""

    def __init__(self, folder: str, files: Iterable[Upload]) -> None:
        self.packs: list[Pack] = []
        self._folder = folder
        self._opened = (_opened(path, iter(pieces)) for path, pieces in files)
        self._next: _Opened | None = None
        self._files: dict[str, File] = {}

    def __iter__(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        self._next = next(self._opened, None)
        while self._next:
            key = f"{self._folder}/pack-{len(self.packs):04}"
            yield key, self._content(key)

    def manifest(self) -> Manifest:
        """Return the version; of two files with the same path it has the later one. Raises RefusedError."""
        manifest = Manifest(tuple(self.packs), tuple(self._files[path] for path in sorted(self._files)))
        check(manifest)
        return manifest

    def _content(self, key: str) -> Iterator[bytes]:
        size, whole = 0, hashlib.sha256()
        while self._next and (not size or size + self._next.size <= MAX_PACK_BYTES):
            file, offset, own = self._next, size, hashlib.sha256()
            for piece in chain(file.head, file.rest):
                size += len(piece)
                own.update(piece)
                whole.update(piece)
                yield piece
            self._files[file.path] = File(file.path, size - offset, own.hexdigest(), len(self.packs), offset)
            self._next = next(self._opened, None)
        self.packs.append(Pack(key, size, whole.hexdigest()))


def _opened(path: str, pieces: Iterator[bytes]) -> _Opened:
    check_path(path)
    head, size = list[bytes](), 0
    for piece in pieces:
        head.append(piece)
        size += len(piece)
        if size > _HEAD_BYTES:
            break
    return _Opened(path, head, pieces, size)
