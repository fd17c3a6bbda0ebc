"""Which files of a folder are a corpus, and what they are called in Pachyderm."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scriptmodel_operator.ingest.paths import in_pachyderm

_HEAD_BYTES = 64 * 1024
_PIECE_BYTES = 1024 * 1024
_WIDE_TEXT = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks of UTF-16 and UTF-32: text, though full of zeros."""


class CorpusError(Exception):
    """The files cannot be put as they are; the message says what to do."""


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """A file on disk and its path in the repo."""

    source: Path
    path: str
    size: int

    def head(self) -> str:
        """The text of the first bytes; CorpusError where the file cannot be read."""
        try:
            with self.source.open("rb") as file:
                head = file.read(_HEAD_BYTES)
        except OSError as error:
            raise CorpusError(f"cannot read {self.source}: {error.strerror}") from error
        wide = "utf-32" if head.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")) else "utf-16"
        return head.decode(wide if head.startswith(_WIDE_TEXT) else "utf-8", errors="replace")

    def pieces(self) -> Iterator[bytes]:
        """Raises CorpusError where the file cannot be read, or is not what it was when it was found."""
        left = self.size
        try:
            with self.source.open("rb") as file:
                while piece := file.read(_PIECE_BYTES):
                    left -= len(piece)
                    yield piece
        except OSError as error:
            raise CorpusError(f"cannot read {self.source}: {error.strerror}") from error
        if left:
            raise CorpusError(f"{self.source} changed while it was read: try again")


def find_corpus(paths: Iterable[Path], note: Callable[[str], None]) -> list[CorpusFile]:
    """Text files of files and folders, sorted; of a folder its contents, with the folders in it.

    What in a folder is hidden, empty, no text or a link to a folder is noted and left out; what was named must be text.
    What Pachyderm takes in no path is percent-encoded and noted: one refused path would undo the whole stream.
    """
    found: dict[str, CorpusFile] = {}
    for source, name, named in _files(paths, note):
        reason = _unfit(source)
        if reason and named:
            raise CorpusError(f"{source} {reason}")
        if reason:
            note(f"left out {source}: it {reason}")
            continue
        path = in_pachyderm(name)
        if path != f"/{name}":
            note(f"{source} is called {path} there")
        if path in found:
            raise CorpusError(
                f"{found[path].source} and {source} would both be {path}: rename one or push their parent"
            )
        found[path] = CorpusFile(source, path, source.stat().st_size)
    if not found:
        raise CorpusError(f"there is no text file in {', '.join(map(str, paths))}")
    return [found[path] for path in sorted(found)]


def _files(paths: Iterable[Path], note: Callable[[str], None]) -> Iterator[tuple[Path, str, bool]]:
    """Files, their paths below what was named, and whether somebody named them."""
    for top in paths:
        if not top.is_dir():
            yield top, top.name, True
            continue
        yield from _below(top, note)


def _below(top: Path, note: Callable[[str], None]) -> Iterator[tuple[Path, str, bool]]:
    """Yield the files below a folder, however deep: `os.walk` recurses, and a thousand nested folders are too many."""
    waiting = [top]
    while waiting:
        folders, files = _entries(waiting.pop())
        for path in folders:
            if why := _closed(path):
                note(f"left out {path}: it {why}")
        waiting += reversed([path for path in folders if not _closed(path)])
        for path in files:
            yield path, path.relative_to(top).as_posix(), False


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders in a folder and what else is in it, both sorted by name."""
    try:
        entries = [(path, path.is_dir()) for path in sorted(folder.iterdir())]
    except OSError as error:
        raise CorpusError(f"cannot read {error.filename}: {error.strerror}") from error
    return [path for path, inside in entries if inside], [path for path, inside in entries if not inside]


def _closed(folder: Path) -> str:
    """Why nobody looks into a folder below the one that was named; empty where somebody does."""
    if folder.name.startswith("."):
        return "is hidden"
    return "is a link to a folder" if folder.is_symlink() else ""


def _unfit(source: Path) -> str:
    """Why a file is no part of a corpus; empty where it is."""
    if source.name.startswith("."):
        return "is hidden"
    try:
        if not source.is_file():
            return "is no file"
        with source.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise CorpusError(f"cannot read {source}: {error.strerror}") from error
    if not head:
        return "is empty"
    return "is binary, not text" if b"\0" in head and not head.startswith(_WIDE_TEXT) else ""
