"""The entries of an archive of any format, in order; their contents are read as a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

PIECE_BYTES = 256 * 1024
Read = Callable[[int], bytes]
"""Reads at most so many bytes; returns fewer only at the end."""
FileStream = Iterator[tuple[str, Iterator[bytes]]]
"""Paths in Pachyderm and contents, in order; a content has to be read before the next path."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, a folder, or with `odd` something else, such as "a symbolic link"; `pieces` are its contents."""

    name: str
    pieces: Iterator[bytes] = field(default_factory=lambda: iter(()))
    folder: bool = False
    odd: str = ""


def pieces_of(read: Read) -> Iterator[bytes]:
    """Yield the content until its end."""
    while piece := read(PIECE_BYTES):
        yield piece
