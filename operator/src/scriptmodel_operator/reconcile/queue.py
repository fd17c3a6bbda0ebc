"""The one queue: level-triggered, de-duplicated, with bounded workers and back-off for each key."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

Key = tuple[str, str]
"""Namespace and name."""
Handler = Callable[[Key], Awaitable[float | None]]
"""Returns the seconds after which it wants to be called again, or None."""

FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 120.0
_LARGEST_EXPONENT = 16

log = logging.getLogger(__name__)


def backoff(failures: int, draw: float) -> float:
    """Doubles with each failure up to a limit; `draw` in [0, 1) takes away up to half, so that many do not meet."""
    longest = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(failures - 1, _LARGEST_EXPONENT))
    return float(longest * (1 - draw / 2))


class WorkQueue:
    """Keys in, one call of the handler at a time for each key; a key added during its call is called again."""

    def __init__(
        self,
        handler: Handler,
        workers: int,
        draw: Callable[[], float] = random.random,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        self._handler = handler
        self._workers = workers
        self._draw = draw
        self._failed = failed
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._waiting: set[Key] = set()
        self._processing: set[Key] = set()
        self._dirty: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self.started = asyncio.Event()

    def busy(self, key: Key) -> bool:
        """Whether the handler is at work on `key`."""
        return key in self._processing

    @property
    def at_work(self) -> int:
        """How many keys the handler is at work on, and how many are in line."""
        return len(self._waiting) + len(self._processing)

    @property
    def depth(self) -> int:
        return len(self._waiting)

    def failures(self, key: Key) -> int:
        """Failures of this key in a row."""
        return self._failures.get(key, 0)

    def add(self, key: Key) -> None:
        """Call the handler for `key` soon."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if key in self._waiting:
            return
        if key in self._processing:
            self._dirty.add(key)
            return
        self._waiting.add(key)
        self._ready.put_nowait(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Call the handler for `key` after some time, unless it is called earlier."""
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is not None and timer.when() <= loop.time() + seconds:
            return
        if timer is not None:
            timer.cancel()
        self._timers[key] = loop.call_later(seconds, self.add, key)

    def forget(self, key: Key) -> None:
        """The object is gone: no timer and no failures are kept for it."""
        self._failures.pop(key, None)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._workers):
                group.create_task(self._work(), name=f"reconcile-{number}")
            self.started.set()

    async def _work(self) -> None:
        while True:
            key = await self._ready.get()
            self._waiting.discard(key)
            self._processing.add(key)
            try:
                await self._call(key)
            finally:
                self._processing.discard(key)
                if key in self._dirty:
                    self._dirty.discard(key)
                    self.add(key)

    async def _call(self, key: Key) -> None:
        try:
            again = await self._handler(key)
        except Exception as error:  # one broken object must not end the worker
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            delay = backoff(failures, self._draw())
            self._failed()
            expected = isinstance(error, RetryError)
            log.log(
                logging.WARNING if expected else logging.ERROR,
                "%s/%s: %s; attempt %d, next in %.0f s",
                *(*key, " ".join(str(error).split()), failures, delay),
                exc_info=None if expected else error,
                extra={"object": key},
            )
            self.add_after(key, delay)
        else:
            self._failures.pop(key, None)
            if again is not None:
                self.add_after(key, again)


class RetryError(Exception):
    """Raised by a handler that has told of its failure already and wants to be called again with back-off."""
