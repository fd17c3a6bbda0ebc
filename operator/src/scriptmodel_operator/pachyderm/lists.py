"""Reads lists cheaply: a message that is equal to one of the previous list is not decoded again.

Protobuf in Python decodes some thousand messages a second. A list has all pipelines, and from one poll to the next
most of them stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class ListReader(Generic[T]):
    """The reader of one list. It keeps the newest values; equal messages give the same object."""

    def __init__(self, decode: Callable[[bytes], Any], convert: Callable[[Any], T]) -> None:
        self._decode = decode
        self._convert = convert
        self._known: dict[bytes, T] = {}

    def read(self, messages: Iterable[bytes]) -> list[T]:
        """Return the value of each message, of which no two are equal. Keeps the previous list if `messages` raises."""
        found: dict[bytes, T] = {}
        for message in messages:
            key = blake2b(message, digest_size=16).digest()
            found[key] = self._known.get(key) or self._convert(self._decode(message))
        self._known = found
        return list(found.values())
