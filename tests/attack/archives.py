"""Give the trainer damaged, forged and oversized archives: each is read or refused, within limits.

    python -m tests.attack.archives [--seed N] [--cases 1000] [--seconds 60] [--start 0]

Each case makes an archive (tar of three forms, tar.gz, zip), damages it in a few ways and reads it as a corpus, within
a limit of CPU seconds and of memory.
"""

import gzip
import io
import random
import resource
import signal
import struct
import sys
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scriptmodel_trainer.corpus import archives
from scriptmodel_trainer.errors import BadInputError
from tests.attack.runner import FindingError, main

MOST_BYTES, MOST_FILES = 1 << 20, 200
_CPU_SECONDS = 5.0
_MOST_MEMORY = 1 << 30  # bytes of addresses
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
_KINDS = b"0123456789xgLKSVDZ\0"


def attack(number: int, chance: random.Random) -> str:
    """Read one archive."""
    make, suffix = _ARCHIVES[number % len(_ARCHIVES)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"corpus{suffix}")
        path.write_bytes(_damaged(chance, make(chance)))
        try:
            with _within_cpu_seconds():
                found = archives.files_of(path, archives.Allowance(MOST_FILES, MOST_BYTES))
        except BadInputError as error:
            line = error.line()
            if str(path) not in line or not line.isprintable() or len(line) > 1000:
                raise FindingError(f"the message {line!r}") from error
            return "refused"
        if list(Path(folder).iterdir()) != [path]:
            raise FindingError("something was written")
    names = [name for name, _ in found]
    size = sum(len(content) for _, content in found)
    if any(name.startswith("/") or ".." in name.split("/") for name in names) or len(set(names)) < len(names):
        raise FindingError(f"the names {names!r}")
    if size > MOST_BYTES or len(found) > MOST_FILES:
        raise FindingError(f"{size} bytes in {len(found)} files")
    return "read" if found else "read: no files"


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


def _name(chance: random.Random, at: int) -> str:
    return chance.choice(_NAMES) if chance.random() < 0.1 else f"plays/{at}.txt"


def _tar(chance: random.Random) -> bytes:
    form = chance.choice([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    blocks = [_entry(chance, form, at) for at in range(chance.choice([0, 1, 3, 10]))]
    return b"".join(blocks) + bytes(chance.choice([0, 512, 1024, 10240]))


def _entry(chance: random.Random, form: int, at: int) -> bytes:
    content = _content(chance)
    if chance.random() < 0.2:
        return _pax(chance)
    info = tarfile.TarInfo(_name(chance, at).replace("\0", "?"))
    info.size, info.type = len(content), bytes([chance.choice(_KINDS)]) if chance.random() < 0.1 else b"0"
    if chance.random() < 0.1:
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
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for at in range(chance.choice([0, 1, 3, 50])):
            name = _name(chance, at).encode("utf-8", "replace").decode()
            info = zipfile.ZipInfo(name)
            info.compress_type = chance.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED] * 20 + [zipfile.ZIP_BZIP2])
            info.external_attr = chance.choice([0, 0o100644] * 20 + [0o120777, 0o040755, 0o020666]) << 16
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


_ARCHIVES: list[tuple[Callable[[random.Random], bytes], str]] = [
    (_tar, ".tar"),
    (_zip, ".zip"),
    (_packed, ".tar.gz"),
    (_packed, ".zip"),
    (_content, ".tgz"),
]


def _damaged(chance: random.Random, content: bytes) -> bytes:
    """Change bytes, cut, double, or leave it as it is."""
    found = bytearray(content)
    for _ in range(chance.choice([0, 0, 1, 3, 20])):
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
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, resource.RLIM_INFINITY))  # too much memory is a finding
    sys.exit(main(attack))
