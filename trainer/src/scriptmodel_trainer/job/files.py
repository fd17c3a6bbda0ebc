"""Fetches the inputs of a job into folders, and stores the files that its command wrote; in bounded memory."""

import hashlib
import itertools
import os
import stat
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from scriptmodel_trainer.errors import BadInputError, WriteError
from scriptmodel_trainer.job.document import Document
from scriptmodel_trainer.job.manifest import (
    MOST_BYTES,
    MOST_FILES,
    MOST_OF_PACK,
    File,
    Manifest,
    canonical,
    manifest_from,
)
from scriptmodel_trainer.job.transfers import CHUNK, RefusedError, Transfers
from scriptmodel_trainer.storage.files import as_write_error, open_regular

_SPACE = "give the pod more ephemeral storage"


def fetch(document: Document, root: Path, transfers: Transfers) -> None:
    """Write the files of each input below a folder of its name; RefusedError if one is not as listed."""
    for number, given in enumerate(document.inputs):
        what = f"input {given.name}"
        manifest = _manifest(document, number, transfers)
        if len(manifest.packs) != len(given.packs):
            raise BadInputError(f"{what} has {len(manifest.packs)} packs, and the job document {len(given.packs)} URLs")
        folder = root / given.name
        with as_write_error(folder, _SPACE):
            folder.mkdir(parents=True, exist_ok=True)
        for pack, group in itertools.groupby(manifest.within(given.folder), key=lambda file: file.pack):
            files = list(group)
            start, end = files[0].offset, max(file.offset + file.size for file in files)
            url_of = partial(_pack_url, number=number, pack=pack)
            _write_files(folder, files, transfers.get(f"pack {pack} of {what}", url_of, start, end - start))


def _manifest(document: Document, number: int, transfers: Transfers) -> Manifest:
    given = document.inputs[number]
    what, source = f"the manifest of input {given.name}", given.manifest
    content = transfers.get(what, lambda renewed: renewed.inputs[number].manifest.url, 0, source.size).read()
    if hashlib.sha256(content).hexdigest() != source.sha256:
        raise RefusedError(f"{what} does not have the SHA-256 {source.sha256}", "it was changed after it was stored")
    try:
        return manifest_from(content)
    except ValueError as error:
        raise BadInputError(f"{what} is not valid: {error}", "push the version again") from error


def _pack_url(document: Document, number: int, pack: int) -> str:
    return document.inputs[number].packs[pack]


def _write_files(folder: Path, files: Sequence[File], content: BinaryIO) -> None:
    """Write files from a part of their pack that begins with the first of them."""
    position = files[0].offset
    for file in files:
        for _ in _taken(content, file.offset - position):
            pass
        path, digest = folder / file.path[1:], hashlib.sha256()
        with as_write_error(path, _SPACE):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as written:
                for chunk in _taken(content, file.size):
                    digest.update(chunk)
                    written.write(chunk)
        if digest.hexdigest() != file.sha256:
            path.unlink()
            raise RefusedError(f"{path} does not have the SHA-256 {file.sha256}", "it was changed after it was stored")
        position = file.offset + file.size


def _taken(content: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0 and (chunk := content.read(min(CHUNK, size))):
        size -= len(chunk)
        yield chunk


def store_packs(document: Document, out: Path, transfers: Transfers) -> bytes:
    """Store all files below a folder in packs; returns the manifest, which is to be stored last."""
    packs: list[list[tuple[str, Path, int]]] = []
    room = len(document.output.packs)
    for name, path in sorted((f"/{path.relative_to(out)}", path) for path in _files(out)):
        size = _size(path)
        if not packs or sum(size for _, _, size in packs[-1]) + size > MOST_OF_PACK:
            packs.append([])
        packs[-1].append((name, path, size))
    if len(packs) > room:
        raise RefusedError(f"the output needs {len(packs)} packs, and there is room for {room}")
    records: list[dict[str, Any]] = []
    files: list[dict[str, Any]] = []
    for number, held in enumerate(packs):
        name, whole, offset = f"pack-{number:04}", hashlib.sha256(), 0
        for path_name, path, size in held:
            digest = hashlib.sha256()
            for chunk in _chunks(path, size):
                digest.update(chunk)
                whole.update(chunk)
            place = {"offset": offset, "pack": number, "path": path_name}
            files.append({**place, "sha256": digest.hexdigest(), "size": size})
            offset += size
        content = partial(_content, held, offset)
        transfers.put(name, partial(_output_url, number), content)
        records.append({"name": name, "sha256": whole.hexdigest(), "size": offset})
    manifest = canonical({"schema": 1, "packs": records, "files": files})
    if len(files) > MOST_FILES or len(manifest) > MOST_BYTES:
        raise RefusedError(f"the output has {len(files):,} files: a manifest holds {MOST_FILES:,} and {MOST_BYTES:,} B")
    return manifest


def _output_url(number: int, document: Document) -> str:
    return document.output.packs[number]


def _files(out: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(out):
        yield from (Path(folder, name) for name in names)


def _size(path: Path) -> int:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise WriteError(f"{path} cannot be stored: it is no regular file")
    return status.st_size


def _content(held: Sequence[tuple[str, Path, int]], size: int) -> tuple[int, Iterator[bytes]]:
    return size, itertools.chain.from_iterable(_chunks(path, own) for _, path, own in held)


def _chunks(path: Path, size: int) -> Iterator[bytes]:
    """Yield the content of a file of that size; WriteError if it cannot be read or has another one by now."""
    with as_write_error(path, _SPACE), open_regular(path) as file:
        for chunk in _taken(file, size):
            size -= len(chunk)
            yield chunk
    if size:
        raise WriteError(f"{path} became shorter while it was stored")
