"""A corpus is never whole in memory."""

from __future__ import annotations

import subprocess
import sys
import tarfile

from tests.unit.operator.memory import BLOCK
from tests.web import Answer, Handler, WebServer

MEBIBYTE = 1024 * 1024
FILES, SMALL, LARGE = 10, 16, 320
"""Blocks of 64 KiB in each of the files: 10 MB and 210 MB in all."""


def streamed(blocks: int) -> Answer:
    """An archive that is generated while it is sent, so that it is never in memory as a whole."""

    def answer(handler: Handler) -> None:
        handler.start(200)
        with tarfile.open(fileobj=handler.http.wfile, mode="w|") as archive:
            for number in range(FILES):
                info = tarfile.TarInfo(f"{number}.txt")
                info.size = blocks * len(BLOCK)
                archive.addfile(info, Blocks(blocks))

    return answer


class Blocks:
    """A file of so many blocks."""

    def __init__(self, blocks: int) -> None:
        self._left = blocks * len(BLOCK)

    def read(self, size: int) -> bytes:
        size = min(size, self._left)
        start = -self._left % len(BLOCK)
        self._left -= size
        return (BLOCK[start:] + BLOCK * (size // len(BLOCK) + 1))[:size]


def test_memory_stays_flat_when_an_archive_is_twenty_times_larger() -> None:
    with WebServer() as server:
        server.answers |= {"/small": streamed(SMALL), "/large": streamed(LARGE)}
        command = [sys.executable, "-m", "tests.unit.operator.memory", server.url("/small"), server.url("/large")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    small, large = ([int(word) for word in line.split()] for line in done.stdout.splitlines())
    assert small[1] == FILES * SMALL * len(BLOCK)
    assert large[1] == FILES * LARGE * len(BLOCK) > 200 * MEBIBYTE
    assert large[0] - small[0] < 8 * 1024, f"the peak went from {small[0] >> 10} to {large[0] >> 10} MiB"
