"""Finds the files of a corpus, texts and documents, and maps them to paths in Pachyderm."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from scriptmodel_cli.errors import InputError

_HEAD_BYTES = 64 * 1024
_PIECE_BYTES = 1024 * 1024
_TAKEN_BY_PACHYDERM = " \"#$%&',/:;<=>`|"
"""Punctuation that paths may have, besides `-._~`."""
_ZIP = b"PK\x03\x04"
_READ_BY_THE_TRAINER = (".docx", ".odt", ".zip")
_WIDE_TEXT = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks of UTF-16 and UTF-32, which are text although they contain zero bytes."""


@dataclass(frozen=True, slots=True)
class CorpusFile:
    source: Path
    path: str
    size: int

    def pieces(self) -> Iterator[bytes]:
        """Yield the content. Raises InputError if the file cannot be read or its size has changed."""
        remaining = self.size
        try:
            with self.source.open("rb") as file:
                while piece := file.read(_PIECE_BYTES):
                    remaining -= len(piece)
                    yield piece
        except OSError as error:
            raise InputError(f"cannot read {self.source}: {error.strerror}") from error
        if remaining:
            raise InputError(f"{self.source} changed while it was read: try again")


def find_corpus(paths: Iterable[Path], note: Callable[[str], None]) -> list[CorpusFile]:
    """Return the text files, sorted by their path in Pachyderm, with a note for each that is skipped or renamed.

    A path that is given directly must be a text file: only in folders are others skipped.
    """
    found: dict[str, CorpusFile] = {}
    for source, name, named in _files(paths, note):
        reason = _unfit(source, of_base=name.startswith("bases/") and source.suffix == ".safetensors")
        if reason and named:
            raise InputError(f"{source} {reason}")
        if reason:
            note(f"skipped {source}: it {reason}")
            continue
        path = in_pachyderm(name)
        if path != f"/{name}":
            note(f"{source} is stored as {path}")
        if path in found and not found[path].source.samefile(source):
            raise InputError(f"{found[path].source} and {source} would both be {path}: rename one or push their parent")
        found[path] = CorpusFile(source, path, source.stat().st_size)
    if not found:
        raise InputError(f"no text files found in {', '.join(map(str, paths))}: name a folder with scripts")
    return [found[path] for path in sorted(found)]


def _files(paths: Iterable[Path], note: Callable[[str], None]) -> Iterator[tuple[Path, str, bool]]:
    for top in paths:
        yield from _below(top, note) if top.is_dir() else [(top, top.name, True)]


def _below(top: Path, note: Callable[[str], None]) -> Iterator[tuple[Path, str, bool]]:
    def refuse(error: OSError) -> None:
        raise InputError(f"cannot read {error.filename}: {error.strerror}") from error

    inside = top.resolve()
    for folder, folders, files in os.walk(top, onerror=refuse):
        for path in (Path(folder, name) for name in sorted(folders)):
            if path.name.startswith(".") or path.is_symlink():
                note(f"skipped {path}: it is {'hidden' if path.name.startswith('.') else 'a link to a folder'}")
                folders.remove(path.name)
        folders.sort()
        for path in (Path(folder, name) for name in sorted(files)):
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(inside):  # also of a loop
                note(f"skipped {path}: it is a link out of {top}")
            else:
                yield path, path.relative_to(top).as_posix(), False


def _unfit(source: Path, *, of_base: bool) -> str:
    if source.name.startswith("."):
        return "is hidden"
    try:
        if not source.is_file():
            return "is not a regular file"
        with source.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror}") from error
    if not head:
        return "is empty"
    if of_base or (head.startswith(_ZIP) and source.suffix.lower() in _READ_BY_THE_TRAINER):
        return ""
    return "is binary, not text" if b"\0" in head and not head.startswith(_WIDE_TEXT) else ""


def in_pachyderm(path: str) -> str:
    """Percent-encode what Pachyderm refuses or cannot read back, such as `(`, `é` and `\\`."""
    return "/" + quote(path, safe=_TAKEN_BY_PACHYDERM, errors="surrogateescape")
