"""Writes files atomically: a kill, a full disk or a read-only folder leaves the previous content intact."""

import contextlib
import errno
import fcntl
import math
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError

from scriptmodel_trainer.errors import BadInputError, WriteError
from scriptmodel_trainer.storage.controls import json_text

_PART = ".part"
_MOST_HEADER = 1 << 20  # bytes; the library would accept 100 MB of names, which take 2 GB of memory

T = TypeVar("T")


def prepare_folder(folder: Path, names: Iterable[str]) -> None:
    """Make the folder, check early that it is writable, and remove temporary files of killed runs.

    `names` are the files that will be written, or patterns of their names: what belongs to others in the folder is left
    alone. Raises WriteError if it cannot be written to.
    """
    with as_write_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
        probe = _temporary(folder / "probe")
        probe.write_bytes(b"")
        probe.unlink()
        for name in names:
            for leftover in folder.glob(f".{name}.*{_PART}"):
                leftover.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the folder and keep other trainings out of it; a lock ends with its process, however that ends.

    Raises WriteError if the folder cannot be made or another training holds it.
    """
    with as_write_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
        number = os.open(folder, os.O_RDONLY)

    def refuse() -> None:
        raise WriteError(f"another training writes into {folder}", "wait for it or choose another --out")

    with _held(number, refuse):
        yield


@contextlib.contextmanager
def locked_file(path: Path, wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of a file, which is made; `wait` is called once where another process has to end first.

    A folder that cannot be written to has no lock.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:
        yield
        return
    with _held(number, wait):
        yield


@contextlib.contextmanager
def _held(number: int, wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of an open file; `wait` may refuse to wait for it. A file system without locks has none."""
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            wait()
            fcntl.flock(number, fcntl.LOCK_EX)
        except OSError:
            pass
        yield
    finally:
        os.close(number)


def require_file(path: Path) -> None:
    """Raise WriteError unless `path` is a file or nothing yet: a folder, a pipe or a device cannot be replaced.

    Neither can the file that standard output or standard error goes to (`/dev/stdout`, or its name): what was written
    to it would be lost.
    """
    if not path.exists():
        return
    if not path.is_file():
        raise WriteError(f"cannot write {path}: it is no regular file", "give the name of a file")
    if any(_is_open_as(path, stream) for stream in (1, 2)):
        raise WriteError(f"cannot write {path}: standard output or standard error goes to it", "give another name")


def _is_open_as(path: Path, stream: int) -> bool:
    with contextlib.suppress(OSError):  # a stream that is closed
        return os.path.samestat(path.stat(), os.fstat(stream))
    return False


def write_files(folder: Path, contents: dict[str, bytes]) -> None:
    """Store several files; they take their names in this order when all of them are on the disk."""
    with contextlib.ExitStack() as writers:  # of which the last one ends first
        for name in reversed(contents):
            file = writers.enter_context(atomic_writer(folder / name))
            file.write(contents[name])
            file.flush()
            os.fsync(file.fileno())


@contextlib.contextmanager
def atomic_writer(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its name only when all of it is on the disk; WriteError if it cannot be stored.

    Its folder is made where there is none; a link stays a link, and what it leads to is written.
    """
    require_file(path)
    target = Path(os.path.realpath(path))
    temporary = _temporary(target)
    with as_write_error(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def write_file(path: Path, content: bytes) -> None:
    """Store a file atomically."""
    with atomic_writer(path) as file:
        file.write(content)


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; a pipe, a device or a folder is refused instead of waited for.

    Raises BadInputError if it is no regular file, OSError if it cannot be opened.
    """
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise BadInputError(f"{path} is not a regular file", "replace it by a file")
    return os.fdopen(number, "rb")


def read_bounded(path: Path, most: int) -> bytes:
    """Read a whole regular file of at most `most` bytes.

    Raises BadInputError for a larger one, OSError with the file's name if it cannot be read.
    """
    try:
        with open_regular(path) as file:
            content = file.read(most + 1)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    if len(content) > most:
        raise BadInputError(f"{path} is too large: more than {most:,} bytes")
    return content


def parse_json(content: bytes) -> Any:
    """Parse strict JSON; raises ValueError for NaN and infinities and for values nested too deeply, too."""
    try:
        return msgspec.json.decode(content)
    except RecursionError:
        raise ValueError("its values are nested too deeply") from None


def converted(value: Any, kind: type[T]) -> T:
    """Return a record of what `parse_json` gave, null being as good as a key left out.

    Keys that the record does not have are ignored. Raises ValueError that names the first wrong value.
    """
    try:
        return msgspec.convert(_without_nulls(value), kind)
    except RecursionError:
        raise ValueError("its values are nested too deeply") from None


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(entry) for key, entry in value.items() if entry is not None}
    return [_without_nulls(entry) for entry in value] if isinstance(value, list) else value


def arrays_bytes(arrays: Mapping[str, npt.NDArray[Any]], metadata: dict[str, str] | None = None) -> bytes:
    """Return arrays as the content of a safetensors file; equal arrays give equal bytes unless there are metadata."""
    dense = {name: np.asarray(array, order="C") for name, array in arrays.items()}  # the library copies their memory
    return safetensors.numpy.save(dense, metadata)


def arrays_from(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a safetensors file by name; raises ValueError if it is not a whole one."""
    if int.from_bytes(content[:8], "little") > _MOST_HEADER:
        raise ValueError(f"its header has more than {_MOST_HEADER:,} bytes")
    try:
        return safetensors.numpy.load(content)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    except KeyError as error:
        raise ValueError(f"it holds numbers of type {error}, which NumPy does not have") from error


def json_bytes(value: Any) -> bytes:
    """Return a value as JSON; a number that is not finite becomes null, which every reader understands."""
    return (json_text(finite(value), indent=1) + "\n").encode("utf-8", errors="replace")


def finite(value: Any) -> Any:
    """Return a value as strict JSON can hold it: numbers in it that are not finite become None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [finite(entry) for entry in value]
    return value


@contextlib.contextmanager
def as_write_error(path: Path, hint: str = "choose another --out") -> Iterator[None]:
    """Within it an OSError becomes a WriteError that names `path`, with a hint at what to do."""
    try:
        yield
    except OSError as error:
        space = "free some space or " if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        raise WriteError(f"cannot write {path}: {error.strerror or error}", f"{space}{hint}") from error


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}{_PART}")
