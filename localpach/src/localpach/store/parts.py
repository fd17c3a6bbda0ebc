"""A content as a list of parts. Each part is identified by the BLAKE2b-256 digest of its bytes.

The list is packed (32 bytes of digest and 8 of size for each part), because every file of every commit has one and most
files have a single part.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
from collections.abc import Iterable, Iterator

DIGEST_SIZE = 32
RECORD_SIZE = DIGEST_SIZE + 8
EMPTY = b""
_SIZE = struct.Struct(">Q")


def digest(data: bytes | memoryview) -> bytes:
    """Return the digest of a part, which is also the hash of a file that has only this part."""
    return hashlib.blake2b(data, digest_size=DIGEST_SIZE).digest()


EMPTY_DIGEST = digest(b"")


def pack(part_digest: bytes, size: int) -> bytes:
    return part_digest + _SIZE.pack(size)


def unpack(parts: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the (digest, size) of each part, in order."""
    for start in range(0, len(parts), RECORD_SIZE):
        middle = start + DIGEST_SIZE
        yield parts[start:middle], _SIZE.unpack_from(parts, middle)[0]


def size(parts: bytes) -> int:
    """Return the number of bytes of the whole content."""
    if len(parts) == RECORD_SIZE:
        found: int = _SIZE.unpack_from(parts, DIGEST_SIZE)[0]
        return found
    return sum(length for _, length in unpack(parts))


class PartSet:
    """A set of parts with their sizes. It is on disk, because a store can have more parts than memory can hold."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)  # a temporary file
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("CREATE TABLE parts (digest BLOB PRIMARY KEY, size INTEGER NOT NULL) STRICT, WITHOUT ROWID")
        self._db.execute("BEGIN")

    def add(self, contents: Iterable[bytes]) -> None:
        records = (record for content in contents for record in unpack(content))
        self._db.executemany("INSERT OR IGNORE INTO parts VALUES (?, ?)", records)

    def __contains__(self, digest: bytes) -> bool:
        return self._db.execute("SELECT 1 FROM parts WHERE digest = ?", (digest,)).fetchone() is not None

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        yield from self._db.execute("SELECT digest, size FROM parts")

    def close(self) -> None:
        self._db.close()
