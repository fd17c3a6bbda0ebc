"""Drops watch events that the operator's own writes cause, before kopf parses them."""

import re
from collections.abc import AsyncIterator

_MAX_EXPECTED = 4096
"""A watch that is opened again skips what happened in between, so not every expected event comes."""
_MODIFIED = b'{"type":"MODIFIED"'
_VERSION = re.compile(rb'"resourceVersion":"(\d+)","uid":"')
"""Keys come sorted, and quotes within a text are escaped, so only metadata has this."""


class EchoFilter:
    """Resource versions that answered the operator's own writes and that the watch has not brought yet."""

    def __init__(self) -> None:
        self._expected: dict[bytes, bool] = {}

    def expect(self, version: int) -> None:
        """Drop the watch event of this version: the answer to the write has brought it already."""
        self._expected[b"%d" % version] = True
        if len(self._expected) > _MAX_EXPECTED:
            del self._expected[next(iter(self._expected))]

    def forget(self) -> None:
        self._expected.clear()

    async def filtered(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the bytes of a watch in whole lines, without the expected events."""
        rest = b""
        async for piece in pieces:
            whole, newline, rest = (rest + piece).rpartition(b"\n")
            kept = [line for line in whole.split(b"\n") if not self._is_expected(line)] if newline else []
            if kept:
                yield b"\n".join(kept) + newline
        if rest:
            yield rest

    def _is_expected(self, line: bytes) -> bool:
        found = _VERSION.search(line) if line.startswith(_MODIFIED) else None
        return found is not None and self._expected.pop(found[1], False)
