"""Limits concurrent downloads: so many at a time, and no namespace more than half of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Slots:
    """A semaphore that is fair to namespaces: one whose servers are slow delays its own objects only."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._share = max(1, total // 2)
        self._held: Counter[str] = Counter()
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def hold(self, namespace: str) -> AsyncIterator[None]:
        """Wait for a slot; it is free again when the block ends."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((namespace, turn))
        self._admit()
        try:
            await turn
            yield
        finally:
            if (namespace, turn) in self._waiting:
                self._waiting.remove((namespace, turn))
            else:
                self._held[namespace] -= 1
                self._admit()

    def _admit(self) -> None:
        """Give free slots to waiting downloads: first to the namespace with the fewest slots, then in order."""
        while self._held.total() < self._total:
            ready = [(self._held[each[0]], at) for at, each in enumerate(self._waiting)]
            fewest, at = min(ready, default=(self._share, 0))
            if fewest >= self._share:
                return
            namespace, turn = self._waiting.pop(at)
            self._held[namespace] += 1
            if not turn.done():  # else it was cancelled, and gives its slot back
                turn.set_result(None)
