"""Lists that cost little to read again: a message that came with the last list is not decoded a second time.

Protobuf in Python decodes some thousand messages a second. A list has all pipelines, and from one look to the next
most of them stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class ListReader(Generic[T]):
    """Of one list; the values of the newest one are kept. Values of equal messages are the same object."""

    def __init__(self, decode: Callable[[bytes], Any], convert: Callable[[Any], T]) -> None:
        self._decode = decode
        self._convert = convert
        self._known: dict[bytes, T] = {}

    def read(self, messages: Iterable[bytes]) -> list[T]:
        """The value of each message. Raises whatever the messages' source raises; then the last list is kept."""
        found: dict[bytes, T] = {}
        values = []
        for message in messages:
            key = blake2b(message, digest_size=16).digest()
            value = self._known.get(key)
            if value is None:
                value = self._convert(self._decode(message))
            found[key] = value
            values.append(value)
        self._known = found
        return values
