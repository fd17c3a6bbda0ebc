"""Archives of scripts (.zip, .tar, .tar.gz), read as the folder of their files, in memory and within limits."""

import gzip
import io
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Self

from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.storage.files import open_regular

SAVE_AGAIN = "save it again, or as plain text (UTF-8), or leave it out"
_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
_LONGEST_NAME = 3800  # bytes of a member's path
_MOST_HEADERS = 1000  # extended headers that every following member of a tar inherits, by copying them
_LONGEST_HEADER = 1 << 13  # bytes of an extended header: tarfile takes quadratic time for one
_DIGITS = re.compile(rb"\d{64}")
_DIRECTORY_ENTRY = b"PK\x01\x02"


@dataclass(slots=True)
class Allowance:
    """How many members, and how many bytes once unpacked, the archives of a corpus may still have."""

    members: int = 20_000
    size: int = 1 << 28


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    size: int
    is_folder: bool
    defect: str  # why it cannot be read, "" if it can
    open: Callable[[], IO[bytes] | None]


class _RefusedError(Exception):
    """What is wrong with an archive or a member of it."""


def folder_name(name: str) -> str:
    """Return the name of the folder that an archive unpacks to, "" for any other file."""
    return next((name[: -len(suffix)] for suffix in _SUFFIXES if name.lower().endswith(suffix)), "")


def files_of(path: Path, allowance: Allowance) -> list[tuple[str, bytes]]:
    """Return the names and contents of the files in an archive, in the order of a folder, without hidden ones.

    Raises BadInputError, which names archive and member, where the archive is damaged, exceeds the allowance or has
    members that are no files within it. Nothing is written to disk.
    """
    found: dict[tuple[tuple[bool, str], ...], bytes] = {}
    name = ""
    try:
        content = _content(path, allowance.size)
        for member in _zip(content, allowance) if path.name.lower().endswith(".zip") else _tar(content):
            name = member.name
            allowance.members -= 1
            if allowance.members < 0:
                raise _RefusedError("is one member too many")  # noqa: TRY301 - one place names the archive
            parts = _parts(name)
            if member.is_folder or _is_hidden(parts):
                continue
            key = (*((True, part) for part in parts[:-1]), (False, parts[-1]))  # files before folders
            if key in found:
                raise _RefusedError("is there twice")  # noqa: TRY301
            found[key] = _read(member, allowance)
        return [("/".join(part for _, part in key), found[key]) for key in sorted(found)]
    except (BadInputError, MemoryError):
        raise
    except OSError as error:
        if not isinstance(error, gzip.BadGzipFile):
            raise BadInputError(f"cannot read {path}: {error.strerror}") from error
        raise _error(path, name, f"is damaged: {error}") from error
    except _RefusedError as error:
        raise _error(path, name, str(error)) from error
    except Exception as error:  # damaged bytes make zipfile and tarfile raise whatever there is
        raise _error(path, name, f"is damaged: {error or type(error).__name__}") from error


def parts_of(name: str, content: bytes, wanted: Container[str], allowance: Allowance) -> dict[str, bytes]:
    """Return the wanted members of a zip file, those of a document. Raises BadInputError, which names it."""
    try:
        return {each.name: _read(each, allowance) for each in _zip(content, allowance) if each.name in wanted}
    except (_RefusedError, MemoryError) as error:
        raise BadInputError(f"{name} {error}", SAVE_AGAIN) from error
    except Exception as error:  # damaged bytes make zipfile raise whatever there is
        problem = f"{name} is damaged: {error or type(error).__name__}"
        raise BadInputError(problem, SAVE_AGAIN) from error


def _error(path: Path, name: str, problem: str) -> BadInputError:
    where = f"{name[:200]!r} in {path}" if name else str(path)
    return BadInputError(f"{where} {problem}", "repair the archive, or put its scripts into the corpus as files")


def _content(path: Path, most: int) -> bytes:
    """Return the bytes of an archive without gzip."""
    with open_regular(path) as file:
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        content = (gzip.GzipFile(fileobj=file) if zipped else file).read(most + 1)
    if len(content) > most:
        raise _RefusedError(_too_large(most))
    return content


def _too_large(most: int) -> str:
    return f"unpacks to more than the {most:,} bytes that are left for archives"


def _parts(name: str) -> list[str]:
    if name.startswith("/") or ".." in name.split("/"):
        raise _RefusedError("leads out of the archive")
    if len(name.encode(errors="surrogateescape")) > _LONGEST_NAME:
        raise _RefusedError(f"has a name of more than {_LONGEST_NAME:,} bytes")
    return [part for part in name.split("/") if part not in ("", ".")]


def _is_hidden(parts: list[str]) -> bool:
    """Return whether a folder of these names would be left out without a note; the archive's own folder is one."""
    return not parts or any(part[0] == "." for part in parts) or any(part[:2] == "__" for part in parts[:-1])


def _read(member: _Member, allowance: Allowance) -> bytes:
    if member.defect:
        raise _RefusedError(member.defect)
    if not 0 <= member.size <= allowance.size:
        raise _RefusedError(_too_large(allowance.size))
    with member.open() or io.BytesIO() as file:
        content = file.read(member.size + 1)
    if len(content) != member.size:
        raise _RefusedError("is cut off")
    allowance.size -= len(content)
    return content


def _zip(content: bytes, allowance: Allowance) -> Iterator[_Member]:
    if content.count(_DIRECTORY_ENTRY) > allowance.members:  # before zipfile makes an object of each
        raise _RefusedError(f"has more than {allowance.members:,} members")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            defect = "is encrypted" if info.flag_bits & 1 else "is a link or a device" * (kind not in (0, stat.S_IFREG))
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                defect = "is neither stored nor deflated"  # others unpack without a limit
            yield _Member(info.filename, info.file_size, info.is_dir(), defect, partial(archive.open, info))


class _Header(tarfile.TarInfo):
    """A header of a tar, refused before tarfile reads what takes it quadratic time (CVE-2024-6232)."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        """Return the next header."""
        file = archive.fileobj
        start = file.tell()
        block = file.read(tarfile.BLOCKSIZE)
        if block[156:157] in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE):
            size = cls.frombuf(block, archive.encoding or "utf-8", archive.errors or "strict").size
            if size > _LONGEST_HEADER or _DIGITS.search(file.read(size)):
                raise _RefusedError("has an extended header of too many bytes or digits")
        file.seek(start)
        return super().fromtarfile(archive)


def _tar(content: bytes) -> Iterator[_Member]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:", tarinfo=_Header) as archive:
        while (info := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # it keeps all of them
            if len(archive.pax_headers) > _MOST_HEADERS:
                raise _RefusedError("follows too many extended headers")
            defect = "is a link or a device" * (not info.isreg())
            yield _Member(info.name, info.size, info.isdir(), defect, partial(archive.extractfile, info))
        rest = content[archive.offset :]
    if not rest or rest.strip(b"\0"):
        raise _RefusedError("is cut off or damaged after its last readable member")
