"""The watch without the echoes of our own writes: kopf takes each for news, and two in three events are such."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

_MOST = 4096
"""A watch that begins anew skips what came in between, so not every echo that is expected comes."""
_MODIFIED = b'{"type":"MODIFIED"'
_VERSION = re.compile(rb'"resourceVersion":"(\d+)","uid":"')
"""Keys come sorted, and quotes within a text are escaped, so only metadata has this."""


class Echoes:
    """Versions of objects that our own writes were answered with before the watch brought them."""

    def __init__(self) -> None:
        self._expected: dict[bytes, bool] = {}

    def expect(self, version: int) -> None:
        """The watch will bring this version, and nobody needs it any more."""
        self._expected[b"%d" % version] = True
        if len(self._expected) > _MOST:
            del self._expected[next(iter(self._expected))]

    async def dropped(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """What a watch brings, in whole lines, without the expected ones."""
        rest = b""
        async for piece in pieces:
            whole, newline, rest = (rest + piece).rpartition(b"\n")
            kept = [line for line in whole.split(b"\n") if not self._is_one(line)] if newline else []
            if kept:
                yield b"\n".join(kept) + newline
        if rest:
            yield rest

    def _is_one(self, line: bytes) -> bool:
        found = _VERSION.search(line) if line.startswith(_MODIFIED) else None
        return found is not None and self._expected.pop(found[1], False)
