"""The protocol between reader process and operator: frames of a kind, a length and a payload, each with a limit.

The stream is one START, then for each file a FILE with its path and DATA with its contents, then END or FAILURE.
"""

from __future__ import annotations

import struct
from enum import IntEnum

HEADER = struct.Struct(">BI")


class Kind(IntEnum):
    """The payload of a frame."""

    START = 1
    """Why system calls are not filtered; empty if they are."""
    FILE = 2
    """A path in Pachyderm."""
    DATA = 3
    """Contents of the newest file."""
    END = 4
    """Empty: all files were sent."""
    FAILURE = 5
    """A reason, a line feed and a message."""


Frame = tuple[Kind, bytes]
MOST_BYTES = {Kind.START: 200, Kind.FILE: 16_000, Kind.DATA: 256 * 1024, Kind.END: 0, Kind.FAILURE: 2000}
"""Longest payload of each kind."""


def encode(kind: Kind, payload: bytes = b"") -> bytes:
    """Return the frame; ValueError where the payload is too long."""
    if len(payload) > MOST_BYTES[kind]:
        raise ValueError(f"{kind.name} with {len(payload)} bytes")
    return HEADER.pack(kind, len(payload)) + payload


def decode(buffer: bytearray) -> Frame | None:
    """Take the first frame from `buffer`; None while it is not complete. ValueError for what cannot be one."""
    if len(buffer) < HEADER.size:
        return None
    number, size = HEADER.unpack_from(buffer)
    if number not in MOST_BYTES or size > MOST_BYTES[Kind(number)]:
        raise ValueError(f"kind {number} with {size} bytes")
    end = HEADER.size + size
    if len(buffer) < end:
        return None
    payload = bytes(memoryview(buffer)[HEADER.size : end])
    del buffer[:end]
    return Kind(number), payload
