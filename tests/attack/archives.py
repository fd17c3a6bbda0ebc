"""Give the operator damaged, forged and oversized archives: each is read or refused, within limits.

    python -m tests.attack.archives [--seed N] [--cases 1000] [--seconds 60] [--start 0]

Each case makes an archive (tar of three forms, tar.gz, zip), damages it in a few ways and reads it as the operator
does. Most are read in this process, within a limit of CPU seconds; every twentieth by a reader process, whose answer
must be the same.
"""

from __future__ import annotations

import gzip
import io
import random
import signal
import struct
import sys
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scriptmodel_operator.ingest.archive import Options, files_of
from scriptmodel_operator.ingest.entries import FileStream
from scriptmodel_operator.ingest.failures import SourceError
from scriptmodel_operator.ingest.package import files_by_reader
from tests.attack import loopback
from tests.attack.runner import FindingError, main

MOST_BYTES, MOST_FILES = 1 << 20, 200
_CPU_SECONDS = 5.0
_EVERY = 20
_NAMES = [
    "a.txt",
    "plays/hamlet.txt",
    "../up",
    "/etc/passwd",
    "C:\\boot.ini",
    "a\\..\\b",
    "",
    ".",
    "é(1).txt",
    "\x1b[2J",
]
_NAMES += ["d/" * 400 + "f", "n" * 999, "a/./b//c", "a/b", "A", "\udce9", "con\nfig", "**", "\0"]
_NUMBERS = [0, 1, 2, 511, 512, 513, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1]
_GLOBS = ["*.txt", "**/a/" * 50 + "b", "*a" * 100 + "b", "[!a]*", "plays/**", "**", "[", "?" * 200]
_KINDS = b"0123456789xgLKSVDZ\0"


def attack(number: int, chance: random.Random) -> str:
    """Read one archive."""
    content = _damaged(chance, _ARCHIVES[number % len(_ARCHIVES)](chance))
    include = tuple(chance.choices(_GLOBS, k=chance.choice([0, 0, 1, 3, 32])))
    options = Options(len(content), "play.txt", include, MOST_BYTES, MOST_FILES, most_entries=1000)
    with tempfile.TemporaryFile() as file:
        file.write(content)
        found = _read(files_of(file, options))
        if number % _EVERY == 0:
            by_process = _read(files_by_reader(file, options, threading.Event()))
            if by_process != found:
                raise FindingError(f"the reader process answers {by_process!r}, and the same code here {found!r}")
    return found.partition(":")[0]


def _read(files: FileStream) -> str:
    """Return the outcome and the data that distinguish two outcomes."""
    total = count = 0
    try:
        with _within_cpu_seconds():
            for path, pieces in files:
                if not path.startswith("/") or ".." in path.split("/") or not path.isascii() or not path.isprintable():
                    raise FindingError(f"the path {path!r}")
                total, count = total + sum(map(len, pieces)), count + 1
    except SourceError as error:
        if error.passing or not str(error).isprintable() or len(str(error)) > 500:
            raise FindingError(f"the message {str(error)!r}") from error
        return f"{error.reason.value}: {error}"
    if total > MOST_BYTES or count > MOST_FILES + 1:
        raise FindingError(f"{total} bytes in {count} files")
    return f"read: {count} files, {total} bytes"


@contextmanager
def _within_cpu_seconds() -> Iterator[None]:
    def expire(_number: int, _frame: object) -> None:
        raise FindingError(f"more than {_CPU_SECONDS:.0f} s of CPU")

    signal.signal(signal.SIGVTALRM, expire)
    signal.setitimer(signal.ITIMER_VIRTUAL, _CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _tar(chance: random.Random) -> bytes:
    form = chance.choice([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    blocks = [_entry(chance, form) for _ in range(chance.choice([0, 1, 3, 10]))]
    return b"".join(blocks) + bytes(chance.choice([0, 512, 1024, 10240]))


def _entry(chance: random.Random, form: int) -> bytes:
    content = _content(chance)
    if chance.random() < 0.3:
        return _pax(chance)
    info = tarfile.TarInfo(chance.choice(_NAMES).replace("\0", "?"))
    info.size, info.type = len(content), bytes([chance.choice(_KINDS)]) if chance.random() < 0.3 else b"0"
    if chance.random() < 0.2:
        info.size = chance.choice(_NUMBERS)
    if form == tarfile.PAX_FORMAT and chance.random() < 0.5:
        info.pax_headers = {chance.choice(["size", "path", "GNU.sparse.major", "é"]): str(chance.choice(_NUMBERS))}
    try:
        header = info.tobuf(form)
    except ValueError:  # too long a name for that form
        info.name = "a"
        header = info.tobuf(form)
    return header + content + bytes(-len(content) % 512)


def _pax(chance: random.Random) -> bytes:
    """An extended header whose records are as they should be, or not at all."""
    records = chance.choice(
        [
            b"x" * 16,
            b"0 a=b\n",
            b"6 a=b\n" * chance.choice([1, 999, 50_000]),
            b"9999999999 a=b\n",
            b"16 size=9999999\n",
            b" " * 600,
            b"18 path=/etc/passwd\n",
            b"1" * 1000,
            chance.randbytes(chance.randrange(1, 600)),
        ]
    )
    info = tarfile.TarInfo("p")
    info.type, info.size = bytes([chance.choice(b"xxxgL")]), len(records)
    return info.tobuf(tarfile.USTAR_FORMAT) + records + bytes(-len(records) % 512)


def _zip(chance: random.Random) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for at in range(chance.choice([0, 1, 3, 50])):
            name = f"{at}{chance.choice(_NAMES)}".encode("utf-8", "replace").decode()
            info = zipfile.ZipInfo(name)
            info.compress_type = chance.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
            info.external_attr = chance.choice([0, 0, 0o100644, 0o120777, 0o040755, 0o020666]) << 16
            archive.writestr(info, _content(chance))
    content = bytearray(buffer.getvalue())
    if chance.random() < 0.5:
        where = content.rfind(chance.choice([b"PK\x01\x02", b"PK\x05\x06", b"PK\x03\x04"])) + chance.randrange(4, 30)
        if where + 4 <= len(content):
            struct.pack_into("<L", content, max(where, 0), chance.choice(_NUMBERS))
    return bytes(content)


def _packed(chance: random.Random) -> bytes:
    content = chance.choice([_tar, _tar, _content, _zip])(chance)
    if chance.random() < 0.1:
        content = bytes(chance.choice([1 << 16, 1 << 21, 1 << 24]))
    packed = gzip.compress(content, mtime=0, compresslevel=1)
    return packed * chance.choice([1, 1, 1, 3, 100]) if len(packed) < 10_000 else packed


def _content(chance: random.Random) -> bytes:
    size = chance.choice([0, 1, 100, 511, 512, 5000])
    return chance.choice([bytes, chance.randbytes, lambda length: b"HAMLET: To be.\n" * (length // 10)])(size)


_ARCHIVES: list[Callable[[random.Random], bytes]] = [_tar, _zip, _packed, _tar, _zip, _packed, _content]


def _damaged(chance: random.Random, content: bytes) -> bytes:
    """Change bytes, cut, double, or leave it as it is."""
    found = bytearray(content)
    for _ in range(chance.choice([0, 1, 1, 3, 20])):
        if not found:
            break
        at = chance.randrange(len(found))
        match chance.randrange(5):
            case 0 | 1:
                found[at] = chance.randrange(256)
            case 2:
                del found[at : at + chance.choice([1, 4, 512, 10**6])]
            case 3:
                found[at:at] = found[at : at + chance.choice([1, 4, 512, 1024])]
            case 4:
                found[at : at + 4] = struct.pack("<L", chance.choice(_NUMBERS))
    return bytes(found)


if __name__ == "__main__":
    loopback.only()
    sys.exit(main(attack))
