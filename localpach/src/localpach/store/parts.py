"""A content as a list of parts. Each part is identified by the BLAKE2b-256 digest of its bytes.

The list is packed (32 bytes of digest and 8 of size for each part), because every file of every commit has one and most
files have a single part.
"""

import hashlib
import struct
from collections.abc import Iterator

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
