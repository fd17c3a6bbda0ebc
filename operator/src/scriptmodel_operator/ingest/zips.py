"""Reads a zip: the size of its table of contents is limited, and the sizes in it are not trusted."""

from __future__ import annotations

import errno
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from scriptmodel_operator.ingest.entries import Entry, pieces_of
from scriptmodel_operator.ingest.failures import invalid, too_large

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_MAX_TABLE = 4 * 1024 * 1024
"""Limit of names and attributes in bytes: enough for tens of thousands of files; `zipfile` keeps them in memory."""
_ENCRYPTED = 1
_SHOWN = 120
_BROKEN = (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, struct.error, OverflowError)


def entries(file: BinaryIO) -> Iterator[Entry]:
    """Yield the entries; raises SourceError if the archive is broken."""
    with _explained():
        archive = ZipFile(_Bounded(file))
    for info in archive.infolist():
        yield _entry(archive, info)


def _entry(archive: ZipFile, info: ZipInfo) -> Entry:
    if info.filename.endswith(("/", "\\")):  # as some programs of Windows end a folder
        return Entry(info.filename, folder=True)
    return Entry(info.filename, pieces=_contents(archive, info), odd=_odd(info))


def _odd(info: ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "a symbolic link"
    if kind not in (0, stat.S_IFREG):
        return "neither a file nor a folder"
    if info.flag_bits & _ENCRYPTED:
        return "encrypted"
    return "" if info.compress_type in (ZIP_STORED, ZIP_DEFLATED) else "not packed by store or deflate"


def _contents(archive: ZipFile, info: ZipInfo) -> Iterator[bytes]:
    with _explained(), archive.open(info) as member:
        yield from pieces_of(member.read)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise invalid(f"the zip archive is broken: {_words(error)}") from error
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise invalid("the zip archive is broken: it points to before its beginning") from error


def _words(error: Exception) -> str:
    """Return a short message; some messages of `zipfile` contain whole names from the archive."""
    text = str(error) or type(error).__name__
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


class _Bounded:
    """A file that refuses reads of large pieces, which `zipfile` uses for the table of contents."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek = file.seek
        self.seekable = file.seekable
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        if size > _MAX_TABLE:
            raise too_large(f"the zip archive's table of contents alone has {size} bytes: pack fewer files")
        return self._file.read(size)
