"""Finds the files of a corpus: in folders, without what is hidden, special or leads out of them."""

import itertools
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from scriptmodel_trainer.corpus.archives import folder_name
from scriptmodel_trainer.errors import BadInputError

_PFS = Path("/pfs")
_DEEPEST = 100  # folders within each other
_LONGEST_PATH = 3800  # bytes; the kernel takes 4095
_LONGEST_NAME = 200  # characters of a path in a note
MOST_ENTRIES = 200_000  # files and folders of a corpus
_OF_MODELS = ("model.json", "model/model.json", "model/checkpoint-a.safetensors", "model/checkpoint-b.safetensors")
"""What a model directory holds, and the folder in which `write` keeps a model with its scripts."""


def files(paths: Iterable[Path], note: Callable[[str], None]) -> Iterator[tuple[Path, str]]:
    """Yield files with their names, and archives with the name of the folder that they unpack to."""
    for path in paths:
        try:
            mode = path.stat().st_mode
        except (FileNotFoundError, NotADirectoryError) as error:
            raise BadInputError(f"no such path: {path}", "check the path") from error
        except OSError as error:
            raise BadInputError(f"cannot read {path}: {error.strerror}", "check the path") from error
        if stat.S_ISDIR(mode):
            yield from _below(path, note)
        elif stat.S_ISREG(mode):
            yield path, "" if folder_name(path.name) else path.name
        else:
            raise BadInputError(f"{path} is neither a file nor a folder")


def _below(folder: Path, note: Callable[[str], None]) -> Iterator[tuple[Path, str]]:
    """Yield the regular files below a folder, with their names in it, in a fixed order; other entries are noted."""
    inside = _allowed(folder)
    visited: set[str] = set()
    entries = 0
    waiting = [(folder, "")]
    while waiting:
        current, prefix = waiting.pop()
        real = os.path.realpath(current)
        if real in visited:
            continue
        visited.add(real)
        if not current.is_dir():
            yield current, prefix
            continue
        names = _names_in(current)
        entries += len(names)
        if entries > MOST_ENTRIES:
            raise BadInputError(f"{folder} holds more than {MOST_ENTRIES:,} files", "join scripts into fewer files")
        below: dict[str, Path] = {}  # folders, and archives by the name of the folder that they unpack to
        for name in names:
            path = current / name
            if reason := _unfit(path, prefix.count("/") + 1, inside) or _unpacked(path, below):
                note(f"left out {_shortened(prefix + name)}: {reason}")
            elif path.is_dir() or folder_name(name):
                below[name if path.is_dir() else folder_name(name)] = path
            else:
                yield path, prefix + name
        waiting += [(below[name], f"{prefix}{name}/") for name in sorted(below, reverse=True) if name[:2] != "__"]


def _unpacked(path: Path, below: Mapping[str, Path]) -> str:
    """Why an archive is not read beside the folder or archive that takes its place; "" for one that is."""
    other = below.get(folder_name(path.name))
    return f"{other.name} is read in its place" if other and not path.is_dir() else ""


def _allowed(folder: Path) -> tuple[Path, ...]:
    """Return the folders that links may point into: the corpus, and /pfs if Pachyderm put it there with links."""
    pfs = Path(os.environ.get("PFS_ROOT") or _PFS)
    real = folder.resolve()
    return (real, pfs.resolve()) if pfs in folder.absolute().parents else (real,)


def _names_in(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as found:
            names = [entry.name for entry in itertools.islice(found, MOST_ENTRIES + 1)]
    except OSError as error:
        raise BadInputError(f"cannot read {_shortened(str(folder))}: {error.strerror}") from error
    return sorted(name for name in names if not name.startswith("."))


def _unfit(path: Path, depth: int, inside: Sequence[Path]) -> str:
    """Why a file or folder of a corpus is not read; "" for one that is."""
    if depth > _DEEPEST or len(os.fsencode(path)) > _LONGEST_PATH:
        return "it lies too deep"
    try:
        if path.is_symlink():
            real = path.resolve()
            if not any(real.is_relative_to(home) for home in inside):
                return "it is a link that leads out of the corpus"
        mode = path.stat().st_mode
    except (OSError, RuntimeError):  # nothing there, or a link to itself
        return "it is a link that leads nowhere" if path.is_symlink() else "it cannot be read"
    if stat.S_ISDIR(mode):
        return "it holds a model" if any((path / name).exists() for name in _OF_MODELS) else ""
    return "" if stat.S_ISREG(mode) else "it is no regular file"


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
