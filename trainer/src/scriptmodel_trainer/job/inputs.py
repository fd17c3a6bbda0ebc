"""Fetches the inputs of a job into folders, in bounded memory. Their manifests may be hostile."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.job.document import Document
from scriptmodel_trainer.job.manifest import File, Manifest, manifest_from
from scriptmodel_trainer.job.transfers import RefusedError, Transfers
from scriptmodel_trainer.storage.files import as_write_error

_GAP = 4 << 20  # bytes between two files that are read and dropped rather than asked around
SPACE = "give the pod more ephemeral storage"

Read = Callable[[int, int], Iterator[bytes]]
"""Yields bytes of an object: from a start, so many."""


def fetch(document: Document, root: Path, transfers: Transfers) -> None:
    """Write the files of each input below a folder of its name; RefusedError if one is not as listed."""
    for number, given in enumerate(document.inputs):
        what = f"input {given.name}"
        manifest = _manifest(document, number, transfers)
        if len(manifest.packs) != len(given.packs):
            raise BadInputError(f"{what} has {len(manifest.packs)} packs, and the job document {len(given.packs)} URLs")
        folder = root / given.name
        with as_write_error(folder, SPACE):
            folder.mkdir(parents=True, exist_ok=True)
        for pack, files in manifest.by_pack(manifest.within(given.folder)):
            url_of = partial(_pack_url, number=number, pack=pack)
            read = partial(transfers.get, f"pack {pack} of {what}", url_of)
            for run in _runs(files):
                write_files(folder, run, read)


def write_files(folder: Path, files: list[File], read: Read) -> None:
    """Write files that lie one after the other in an object; RefusedError if one does not have its SHA-256."""
    position = files[0].offset
    stream = _Stream(read(position, files[-1].end - position))
    for file in files:
        for _ in stream.take(file.offset - position):
            pass
        _write(folder / file.path[1:], file.sha256, stream.take(file.size))
        position = file.end


def _manifest(document: Document, number: int, transfers: Transfers) -> Manifest:
    given = document.inputs[number]
    what, source = f"the manifest of input {given.name}", given.manifest
    content = b"".join(transfers.get(what, lambda renewed: renewed.inputs[number].manifest.url, 0, source.size))
    if hashlib.sha256(content).hexdigest() != source.sha256:
        raise RefusedError(f"{what} does not have the SHA-256 {source.sha256}", "it was changed after it was stored")
    try:
        return manifest_from(content)
    except ValueError as error:
        raise BadInputError(f"{what} is not valid: {error}", "push the version again") from error


def _pack_url(document: Document, number: int, pack: int) -> str:
    return document.inputs[number].packs[pack]


def _runs(files: Iterable[File]) -> Iterator[list[File]]:
    """Yield files that are fetched at once: those with little between them."""
    run: list[File] = []
    for file in files:
        if run and file.offset - run[-1].end > _GAP:
            yield run
            run = []
        run.append(file)
    yield run


def _write(path: Path, sha256: str, chunks: Iterator[memoryview]) -> None:
    digest = hashlib.sha256()
    with as_write_error(path, SPACE):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
    if digest.hexdigest() != sha256:
        path.unlink()
        raise RefusedError(f"{path} does not have the SHA-256 {sha256}", "it was changed after it was stored")


class _Stream:
    """Chunks that are taken apart at other places than they came."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def take(self, size: int) -> Iterator[memoryview]:
        while size:
            chunk = self._rest or memoryview(next(self._chunks))
            self._rest = chunk[size:]
            size -= len(chunk[:size])
            yield chunk[: len(chunk) - len(self._rest)]
