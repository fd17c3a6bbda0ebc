"""Reads a tar as a stream: one header and one piece of a file in memory at a time, whatever the headers contain.

`tarfile.TarFile` keeps a header for each entry, reads extended headers and maps of sparse files whole, searches the
former in quadratic time in Pythons that are still in use, and takes a damaged header behind the first for the end of
the archive, so that a corpus would be cut short in silence. Headers themselves are decoded by `tarfile.TarInfo`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from tarfile import (
    AREGTYPE,
    BLKTYPE,
    CHRTYPE,
    CONTTYPE,
    DIRTYPE,
    FIFOTYPE,
    GNUTYPE_LONGLINK,
    GNUTYPE_LONGNAME,
    LNKTYPE,
    REGTYPE,
    SYMTYPE,
    HeaderError,
    TarInfo,
)

from scriptmodel_operator.ingest.entries import PIECE_BYTES, Entry, Read
from scriptmodel_operator.ingest.failures import invalid

BLOCK = 512
_MAX_EXTENDED = 1024 * 1024
_MAX_RECORDS = 1000
_RECORD_LENGTH = re.compile(rb"([0-9]{1,10}) ")
_SIZE = re.compile(r"[0-9]{1,20}", re.ASCII)
_EXTENDED, _EXTENDED_FOR_ALL, _GNU_SPARSE = b"x", b"g", b"S"
_GNU_LABEL, _GNU_FOLDER = b"V", b"D"
_BESIDE_FILES = (GNUTYPE_LONGNAME, GNUTYPE_LONGLINK, _EXTENDED, _EXTENDED_FOR_ALL, _GNU_LABEL)
_WITHOUT_CONTENTS = (LNKTYPE, SYMTYPE, CHRTYPE, BLKTYPE, DIRTYPE, FIFOTYPE)  # whatever the size in their header
_ODD = {
    LNKTYPE: "a hard link",
    SYMTYPE: "a symbolic link",
    CHRTYPE: "a device",
    BLKTYPE: "a device",
    FIFOTYPE: "a named pipe",
    _GNU_SPARSE: "a sparse file",
}


def is_tar(block: bytes) -> bool:
    """Return whether the first block is a header with the right checksum, or the end of an empty archive."""
    return len(block) == BLOCK and (_empty(block) or _header(block) is not None)


def entries(read: Read) -> Iterator[Entry]:
    """Yield the entries; raises SourceError if the archive is broken. Contents that are not read are skipped."""
    name, extended = "", dict[str, str]()
    while not _empty(block := _exactly(read, BLOCK)):
        header = _header(block)
        if header is None or header.size < 0:
            raise invalid("the tar archive is broken: a header has the wrong checksum or size")
        if header.type in _BESIDE_FILES:
            content = _extension(read, header)
            if header.type == GNUTYPE_LONGNAME:
                name = content.partition(b"\0")[0].decode(errors="surrogateescape")
            elif header.type == _EXTENDED:
                extended = _records(content)
            continue
        size = int(extended["size"]) if _SIZE.fullmatch(extended.get("size", "")) else header.size
        if header.type in _WITHOUT_CONTENTS:
            size = 0
        contents = _contents(read, size)
        yield _entry(header, extended.get("path") or name or header.name, extended, contents)
        for _piece in contents:
            pass
        _exactly(read, -size % BLOCK)
        name, extended = "", {}
    while read(PIECE_BYTES):
        pass  # the rest of the file is read, too, so that limits and checksums cover all of it


def _entry(header: TarInfo, name: str, extended: dict[str, str], contents: Iterator[bytes]) -> Entry:
    if header.type in (DIRTYPE, _GNU_FOLDER):  # the latter, of an incremental archive, with a list of names
        return Entry(name, folder=True)
    if any(key.startswith("GNU.sparse.") for key in extended):
        return Entry(name, odd=_ODD[_GNU_SPARSE])
    if header.type in (REGTYPE, AREGTYPE, CONTTYPE):
        return Entry(name, pieces=contents)
    return Entry(name, odd=_ODD.get(header.type, "of an unknown kind"))


def _contents(read: Read, size: int) -> Iterator[bytes]:
    while size:
        piece = read(min(size, PIECE_BYTES))
        if not piece:
            raise invalid("the tar archive is cut short")
        size -= len(piece)
        yield piece


def _header(block: bytes) -> TarInfo | None:
    try:
        return TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (HeaderError, ValueError):
        return None


def _empty(block: bytes) -> bool:
    return not block.strip(b"\0")


def _exactly(read: Read, size: int) -> bytes:
    found = b""
    while len(found) < size:
        piece = read(size - len(found))
        if not piece:
            raise invalid("the tar archive is cut short")
        found += piece
    return found


def _extension(read: Read, header: TarInfo) -> bytes:
    if header.size > _MAX_EXTENDED:
        raise invalid(
            f"the tar archive has an extended header of {header.size} bytes: at most {_MAX_EXTENDED} are read"
        )
    content = _exactly(read, header.size)
    _exactly(read, -header.size % BLOCK)
    return content


def _records(content: bytes) -> dict[str, str]:
    """Parse `<length> <key>=<value>\\n`, repeated, as POSIX has it."""
    found, start = dict[str, str](), 0
    for _ in range(_MAX_RECORDS):
        if start >= len(content) or not content[start]:
            return found
        length = _RECORD_LENGTH.match(content, start)
        end = start + int(length[1]) if length else 0
        if length is None or not length.end() < end <= len(content):
            raise invalid("the tar archive is broken: an extended header has a wrong length")
        key, _, value = content[length.end() : end - 1].partition(b"=")
        found[key.decode(errors="surrogateescape")] = value.decode(errors="surrogateescape")
        start = end
    raise invalid(
        f"the tar archive has an extended header of more than {_MAX_RECORDS} records: create the archive again"
    )
