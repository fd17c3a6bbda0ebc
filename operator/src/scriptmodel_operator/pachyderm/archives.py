"""Reads the files of a tar archive while it arrives."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

MOST_FILES = 10_000
"""Further files of an archive are left out: whoever writes a repo decides how many it has."""


class _Pieces(io.RawIOBase):
    """A stream of pieces as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader passes
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def unpack(pieces: Iterator[bytes], limit: int) -> Iterator[tuple[str, bytes]]:
    """Yield path and at most `limit` bytes of each file. Raises tarfile.ReadError for an archive that ends early."""
    with tarfile.open(fileobj=io.BufferedReader(_Pieces(pieces)), mode="r|") as archive:
        files = (member for member in archive if member.isreg())
        for _number, member in zip(range(MOST_FILES), files, strict=False):
            content = archive.extractfile(member)
            if content is not None:
                yield member.name if member.name.startswith("/") else f"/{member.name}", content.read(limit)
