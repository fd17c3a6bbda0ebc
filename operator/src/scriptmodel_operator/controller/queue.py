"""The work queue: level-triggered, de-duplicated, with a fixed number of workers and back-off for each key.

The watch fills it, and the store.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from scriptmodel_operator.api.durations import backoff
from scriptmodel_operator.api.names import Key
from scriptmodel_operator.kube.object_store import News, Store, key_of
from scriptmodel_operator.metrics import Metrics

Handler = Callable[[Key], Awaitable[float | None]]
"""Returns the seconds after which to call it again for the key, or None."""

CORRECTION_SECONDS = 1.0
"""Delay before a status that somebody else wrote is corrected."""
FIRST_RETRY_SECONDS = 1.0
MAX_RETRY_SECONDS = 120.0

log = logging.getLogger(__name__)


class WorkQueue:
    """Calls a handler for each key that is added, once at a time; a key added during its call is handled again.

    It accepts keys before `run` is called with the handler.
    """

    def __init__(self, metrics: Metrics, draw: Callable[[], float] = random.random) -> None:
        self._metrics = metrics
        self._draw = draw
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._waiting: set[Key] = set()
        self._processing: set[Key] = set()
        self._dirty: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self.started = asyncio.Event()

    def is_processing(self, key: Key) -> bool:
        return key in self._processing

    @property
    def active(self) -> int:
        return len(self._waiting) + len(self._processing)

    def failures(self, key: Key) -> int:
        return self._failures.get(key, 0)

    def add(self, key: Key) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if key in self._waiting:
            return
        if key in self._processing:
            self._dirty.add(key)
            return
        self._waiting.add(key)
        self._metrics.queue_depth.set(len(self._waiting))
        self._ready.put_nowait(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Call the handler for `key` after some seconds, unless it is added earlier."""
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is not None and timer.when() <= loop.time() + seconds:
            return
        if timer is not None:
            timer.cancel()
        self._timers[key] = loop.call_later(seconds, self.add, key)

    def forget(self, key: Key) -> None:
        """Drop the timer and the failures of an object that no longer exists."""
        self._failures.pop(key, None)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    async def run(self, handler: Handler, workers: int) -> None:
        """Call `handler` in up to `workers` tasks until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(workers):
                group.create_task(self._work(handler), name=f"reconcile-{number}")
            self.started.set()

    async def _work(self, handler: Handler) -> None:
        while True:
            key = await self._ready.get()
            self._waiting.discard(key)
            self._metrics.queue_depth.set(len(self._waiting))
            self._processing.add(key)
            try:
                await self._call(handler, key)
            finally:
                self._processing.discard(key)
                if key in self._dirty:
                    self._dirty.discard(key)
                    self.add(key)

    async def _call(self, handler: Handler, key: Key) -> None:
        try:
            requeue_after = await handler(key)
        except Exception as error:  # one broken object must not end the worker
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            delay = backoff(failures, FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS, self._draw())
            self._metrics.retries.inc()
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
            if requeue_after is not None:
                self.add_after(key, requeue_after)


class RetryError(Exception):
    """A handler has reported its failure and asks to be called again with back-off."""


def arrived(store: Store, queue: WorkQueue, raw: Mapping[str, Any], *, listed: bool = False) -> None:
    """Store a version of an object, and queue the object if there is something to do."""
    key = key_of(raw)
    news = store.put(raw, current=listed)
    # A status that is written during a reconcile is that reconcile's own. Any other was written by somebody else
    # and is corrected, but not at once: two operators would otherwise answer each other as fast as they can.
    if news is News.REQUESTED:
        queue.add(key)
    elif news is News.WRITTEN and not queue.is_processing(key):
        queue.add_after(key, CORRECTION_SECONDS)


def deleted(store: Store, queue: WorkQueue, raw: Mapping[str, Any]) -> None:
    """Forget an object that no longer exists, here and in the controller."""
    if store.remove(raw):
        queue.forget(key_of(raw))
        queue.add(key_of(raw))
