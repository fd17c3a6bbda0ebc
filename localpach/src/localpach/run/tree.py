"""The `/pfs` of a datum: input files written before the command, output files stored after it, removal."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NoReturn

from localpach.contents import PIECE, Contents
from localpach.errors import PachError
from localpach.pfs.paths import clean, validate
from localpach.state import Content

OUTPUT = "out"


def write_input(folder: Path, files: Iterable[tuple[str, Iterable[bytes]]], proceed: Callable[[], None]) -> None:
    """Write files below ``folder`` at their paths, from their bytes in pieces.

    ``proceed`` is called between pieces and can raise to stop writing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made: set[Path] = {folder}
    for path, pieces in files:
        target = folder / path.lstrip("/")
        if target.parent not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(target.parent)
        with target.open("wb") as out:
            for piece in pieces:
                proceed()
                out.write(piece)


def read_output(contents: Contents, pfs: Path, proceed: Callable[[], None]) -> Iterator[tuple[str, Content]]:
    """Store the files below `out` of a datum's `/pfs`; yield their paths and contents.

    ``proceed`` is called between pieces and can raise to stop reading. Raises PachError for a name that is not a valid
    path, for a link, for an `out` that is not a folder, and for output that cannot be read.
    """
    folder = pfs / OUTPUT
    if folder.is_symlink() or not folder.is_dir():
        raise PachError(f"cannot upload /pfs/{OUTPUT}: the command removed it, or replaced it by a link or a file")
    try:
        for parent, names, files in os.walk(folder, onerror=_fail):
            for path in sorted(Path(parent, name) for name in (*names, *files)):
                name = f"/{path.relative_to(folder)}"
                if path.is_symlink():
                    raise PachError(f"cannot upload {_printable(name)}: it is a link. Copy the file instead")
                if path.is_file():
                    yield _checked(name), _store(contents, path, proceed)
    except OSError as error:
        raise PachError(f"cannot upload /pfs/{OUTPUT}: {error.strerror}") from None


def _fail(error: OSError) -> NoReturn:
    raise error


def remove_tree(folder: Path) -> None:
    """Delete a folder with all of its subfolders, also read-only ones. What cannot be deleted remains."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        _make_writable(folder)
        for parent, names, _ in os.walk(folder):  # each folder is made readable before it is listed
            for name in names:
                _make_writable(Path(parent, name))
        shutil.rmtree(folder, ignore_errors=True)


def _make_writable(folder: Path) -> None:
    with contextlib.suppress(OSError):
        if not folder.is_symlink():
            folder.chmod(0o700)


def _printable(name: str) -> str:
    """Return a name in which bytes that are not UTF-8 are escaped."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _checked(name: str) -> str:
    """Return the canonical form of an output file's path. Raises PachError if it is not valid."""
    try:
        validate(name)
    except (PachError, UnicodeEncodeError) as error:
        raise PachError(
            f"cannot upload file produced by the user code because its name cannot be represented in PFS: {error}"
        ) from None
    return clean(name)


def _store(contents: Contents, path: Path, proceed: Callable[[], None]) -> Content:
    def pieces() -> Iterator[bytes]:
        with path.open("rb") as file:
            while data := file.read(PIECE):
                proceed()
                yield data

    return contents.store(pieces())
