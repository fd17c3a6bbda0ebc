"""Protobuf's wire format, as little of it as the stub of pachd needs to stay out of the way of what is measured."""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _BYTES = 0, 2


def varint(value: int) -> bytes:
    """An unsigned integer."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, value: int | bytes | str) -> bytes:
    """One field of a message: an integer, a string, or a message that is encoded already."""
    if isinstance(value, int):
        return varint(number << 3 | _VARINT) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | _BYTES) + varint(len(content)) + content


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field at the top of a message; ValueError for the kinds that no request here has."""
    at = 0
    while at < len(message):
        tag, at = _read(message, at)
        value, at = _read(message, at)
        if tag & 7 == _VARINT:
            yield tag >> 3, value
        elif tag & 7 == _BYTES:
            yield tag >> 3, message[at : at + value]
            at += value
        else:
            raise ValueError(f"field {tag >> 3} is of wire type {tag & 7}")


def first(message: bytes, number: int) -> bytes:
    """Return the content of the first field with that number, or nothing."""
    return next((value for each, value in fields(message) if each == number and isinstance(value, bytes)), b"")


def _read(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
