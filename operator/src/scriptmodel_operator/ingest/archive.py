"""The downloaded file as the files of a corpus: a tar, tar.gz or zip archive, or a text.

Its kind is detected from its first bytes, not from its name or from what the server says. It is read as a stream,
and nothing is unpacked to disk. Only the reader process (reader.py) runs this on foreign bytes.
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

from scriptmodel_operator.ingest import tars, zips
from scriptmodel_operator.ingest.entries import Entry, FileStream, Read, pieces_of
from scriptmodel_operator.ingest.failures import invalid, too_large
from scriptmodel_operator.ingest.paths import clean, in_pachyderm, shown
from scriptmodel_operator.ingest.patterns import Patterns

_GZIP = b"\x1f\x8b"
_NOT_READ = {
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\0": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a rar archive",
    b"%PDF": "a PDF",
}
_HTML = (b"<!doctype html", b"<html")
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_RATIO_COUNTS_FROM = 1024 * 1024
_MEBIBYTE = 1024 * 1024
_GRACE_SECONDS, _SLOWEST = 60, 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Options:
    """How to read a downloaded file of `size` bytes, and its limits."""

    size: int
    name: str
    """The name of the file of a corpus if it is a text."""
    include: tuple[str, ...]
    """Patterns that select files of an archive."""
    most_bytes: int
    """Before and after unpacking."""
    most_files: int = 10_000
    most_entries: int = 100_000
    """The number of entries, selected or not."""
    most_ratio: int = 100
    """Bytes that one byte of the archive may become. Scripts shrink to a third, a repeated line to a fiftieth."""

    @property
    def seconds(self) -> int:
        """Longest time that reading may take."""
        return _GRACE_SECONDS + self.most_bytes // _SLOWEST

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Options:
        found: dict[str, Any] = json.loads(text)
        return cls(**{**found, "include": tuple(found["include"])})


def files_of(file: BinaryIO, options: Options) -> FileStream:
    """Yield the files of a corpus. Raises SourceError for the first entry that is refused."""
    included, taken, folders = Patterns(options.include), set[str](), set[str]()
    for number, entry in enumerate(_entries(file, options)):
        if number >= options.most_entries:
            raise too_large(f"the archive has more than {options.most_entries} entries: pack fewer files")
        path = clean(entry.name)
        if entry.folder or not path or not included.match(path):
            continue
        if entry.odd:
            raise invalid(f"{shown(path)} in the archive is {entry.odd}: leave it out, or name others in include")
        called = in_pachyderm(path)
        _check_new(called, taken, folders)
        if len(taken) > options.most_files:
            raise too_large(f"the archive has more than {options.most_files} files: name those to keep in include")
        yield called, entry.pieces


def _entries(file: BinaryIO, options: Options) -> Iterator[Entry]:
    file.seek(0)
    head = file.read(len(zips.MAGIC[0]))
    file.seek(0)
    if head.startswith(zips.MAGIC):
        counted = _counted(options)
        for entry in zips.entries(file):
            yield Entry(entry.name, map(counted, entry.pieces), entry.folder, entry.odd)
        return
    read = _unpacked(file, options) if head.startswith(_GZIP) else file.read
    start = b"".join(iter_until(read, tars.BLOCK))
    read = _resumed(start, read)
    if tars.is_tar(start):
        yield from tars.entries(read)
    else:
        _check_text(start)
        yield Entry(options.name, pieces_of(read))


def _resumed(start: bytes, read: Read) -> Read:
    """Return a stream of `start` and what `read` gives after it."""
    kept = io.BytesIO(start)
    return lambda size: kept.read(size) or read(size)


def _unpacked(file: BinaryIO, options: Options) -> Read:
    counted = _counted(options)
    source = gzip.GzipFile(fileobj=file, mode="rb")

    def read(size: int) -> bytes:
        try:
            return counted(source.read(size))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise invalid(f"the gzip archive is broken: {error}") from error

    return read


def _counted(options: Options) -> Callable[[bytes], bytes]:
    """Return a function that passes pieces on and raises SourceError once they exceed a limit."""
    total = 0

    def count(piece: bytes) -> bytes:
        nonlocal total
        total += len(piece)
        if total > options.most_bytes:
            most = options.most_bytes // _MEBIBYTE
            raise too_large(f"the archive has more than {most} MiB when unpacked: raise maxSizeMi or pack less")
        if total > max(_RATIO_COUNTS_FROM, options.most_ratio * options.size):
            raise too_large(
                f"each byte of the archive becomes more than {options.most_ratio}: that is no archive of scripts"
            )
        return piece

    return count


def iter_until(read: Read, size: int) -> Iterator[bytes]:
    """Yield pieces of at most `size` bytes in all."""
    while size and (piece := read(size)):
        size -= len(piece)
        yield piece


def _check_new(path: str, taken: set[str], folders: set[str]) -> None:
    """Raise SourceError for a path that is taken, which Pachyderm would append to, or a file below a file."""
    above = [path[:end] for end, character in enumerate(path) if character == "/" and end]
    if path in taken or path in folders or not taken.isdisjoint(above):
        raise invalid(f"the archive has {shown(path)} twice, or as a file and as a folder: create the archive again")
    taken.add(path)
    folders.update(above)


def _check_text(head: bytes) -> None:
    known = next((what for magic, what in _NOT_READ.items() if head.startswith(magic)), "")
    if not known and _is_web_page(head.removeprefix(codecs.BOM_UTF8).lstrip().lower()):
        known = "a web page"
    if not known and b"\0" in head and not head.startswith(_WIDE):
        known = "binary"
    if known:
        raise invalid(f"the address gives a file that is {known}: tar, tar.gz, zip and plain text are read")


def _is_web_page(head: bytes) -> bool:
    return head.startswith(_HTML) or (head.startswith(b"<?xml") and any(tag in head for tag in _HTML))
