"""Stores the files that a command wrote: packs streamed from disk, and the manifest that names them."""

import hashlib
import itertools
import os
import stat
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from scriptmodel_trainer.errors import WriteError
from scriptmodel_trainer.job.document import Document
from scriptmodel_trainer.job.inputs import SPACE
from scriptmodel_trainer.job.manifest import MOST_BYTES, MOST_FILES, canonical, packed
from scriptmodel_trainer.job.transfers import CHUNK, RefusedError, Transfers
from scriptmodel_trainer.storage.files import as_write_error, open_regular


def store_packs(document: Document, out: Path, transfers: Transfers) -> bytes:
    """Store all files below a folder in packs; returns the manifest, which is to be stored last."""
    found = sorted((f"/{path.relative_to(out)}", path, _size(path)) for path in _files(out))
    numbers = packed([size for _, _, size in found])
    room = len(document.output.packs)
    packs: list[dict[str, Any]] = []
    files: list[dict[str, Any]] = []
    if numbers and numbers[-1] >= room:
        raise RefusedError(f"the output needs {numbers[-1] + 1} packs, and there is room for {room}")
    for number, group in itertools.groupby(zip(numbers, found, strict=True), key=lambda pair: pair[0]):
        pack = _Pack(number, [file for _, file in group])
        transfers.put(pack.name, partial(_url, number), pack.content)
        packs.append(pack.record)
        files += pack.files
    manifest = canonical({"schema": 1, "packs": packs, "files": files})
    if len(files) > MOST_FILES or len(manifest) > MOST_BYTES:
        raise RefusedError(f"the output has {len(files):,} files: a manifest holds {MOST_FILES:,} and {MOST_BYTES:,} B")
    return manifest


def _url(number: int, document: Document) -> str:
    return document.output.packs[number]


def _files(out: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(out):
        yield from (Path(folder, name) for name in names)


def _size(path: Path) -> int:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise WriteError(f"{path} cannot be stored: it is no regular file")
    return status.st_size


class _Pack:
    """Files that are stored in one object; their records are known once it is stored."""

    def __init__(self, number: int, found: Sequence[tuple[str, Path, int]]) -> None:
        self.name = f"pack-{number:04}"
        self._number = number
        self._found = found
        self.record: dict[str, Any] = {}
        self.files: list[dict[str, Any]] = []

    def content(self) -> tuple[int, Iterator[bytes]]:
        """Open the content of the object, for a transfer."""
        return sum(size for _, _, size in self._found), self._chunks()

    def _chunks(self) -> Iterator[bytes]:
        whole, offset = hashlib.sha256(), 0
        self.files = []
        for name, path, size in self._found:
            digest = hashlib.sha256()
            for chunk in chunks_of(path, size):
                digest.update(chunk)
                whole.update(chunk)
                yield chunk
            place = {"offset": offset, "pack": self._number, "path": name}
            self.files.append({**place, "sha256": digest.hexdigest(), "size": size})
            offset += size
        self.record = {"name": self.name, "sha256": whole.hexdigest(), "size": offset}


def chunks_of(path: Path, size: int) -> Iterator[bytes]:
    """Yield the content of a file of that size; WriteError if it cannot be read or has another one by now."""
    with as_write_error(path, SPACE), open_regular(path) as file:
        left = size
        while left and (chunk := file.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk
    if left:
        raise WriteError(f"{path} became shorter while it was stored")
