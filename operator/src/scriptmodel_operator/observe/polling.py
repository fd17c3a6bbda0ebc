"""Polls the engine for snapshots: one poll at a time, shared by all callers, and never older than requested.

A poll of many pipelines takes a while, so the next one is delayed, and callers meanwhile share it.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from scriptmodel_operator.api.names import Key
from scriptmodel_operator.engine.errors import EngineError
from scriptmodel_operator.engine.gateway import Calls, Gateway
from scriptmodel_operator.observe.snapshot import Snapshot, take_snapshot

_DELAY = 2.0
"""Wait twice the duration of the last poll before polling again."""
_LONGEST_DELAY_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class _Poll:
    """The newest poll, and the newest snapshot, which is that of an earlier one if the poll failed."""

    started: float = -math.inf
    ended: float = 0.0
    duration: float = 0.0
    snapshot: Snapshot | None = None
    error: EngineError | None = None


class SnapshotPoller:
    """Polls on demand. `latest(after)` returns a snapshot that was started at or after `after` (monotonic seconds).

    `wait` requeues an object once there is one; thousands of objects may wait, which hold nothing meanwhile. Polls run
    in a thread of their own, so that they do not queue behind calls for single objects.
    """

    def __init__(
        self,
        gateway: Gateway,
        projects: Callable[[], Iterable[str]],
        requeue: Callable[[Key], None],
        beat: Callable[[], None],
    ) -> None:
        """`beat` is called in the thread of a poll, which takes minutes if there are many projects and it is slow."""
        self._gateway = gateway
        self._thread = Calls(1)
        self._projects = projects
        self._requeue = requeue
        self._beat = beat
        self.create_task: Callable[..., asyncio.Task[None]] = asyncio.create_task
        self._waiting: dict[Key, float] = {}
        self._serving: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._last = _Poll()

    async def latest(self, after: float) -> Snapshot:
        """Return a snapshot. Raises the EngineError of the newest poll, if that was started after `after`.

        A caller for which the latest snapshot is new enough does not wait for a poll that is in progress.
        """
        return self._current(after) or await self._newer(after)

    async def _newer(self, after: float) -> Snapshot:
        async with self._lock:
            return self._current(after) or await self._poll()

    @property
    def pace(self) -> float:
        """Seconds from the start of one poll to the end of the next under load."""
        return (2 + _DELAY) * self._last.duration

    def _current(self, after: float) -> Snapshot | None:
        if self._last.started < after:
            return None
        if self._last.error is not None:
            raise self._last.error
        return self._last.snapshot

    def wait(self, key: Key, after: float) -> None:
        """Requeue `key` once a poll that was started at or after `after` has ended, even if it failed."""
        if self._last.started >= after:
            self._requeue(key)
            return
        self._waiting[key] = after
        if self._serving is None or self._serving.done():
            self._serving = self.create_task(self._serve(), name="polls")

    def forget(self, key: Key) -> None:
        """Remove an object that was requeued by something else, or is gone."""
        self._waiting.pop(key, None)

    async def close(self) -> None:
        """Wait for the poll in progress, which closing the gateway ends."""
        if self._serving is not None:
            self._serving.cancel()
        await asyncio.to_thread(self._thread.close)

    async def _serve(self) -> None:
        while self._waiting:
            with suppress(EngineError):
                await self._newer(max(self._waiting.values()))

    async def _poll(self) -> Snapshot:
        delay = min(_LONGEST_DELAY_SECONDS, _DELAY * self._last.duration)
        await asyncio.sleep(max(0.0, self._last.ended + delay - time.monotonic()))
        started, last = time.monotonic(), self._last
        try:
            found = await self._thread.run(self._settled, tuple(self._projects()))
            started, last = found.started, _Poll(found.started, snapshot=found)
        except EngineError as error:
            last = replace(last, started=started, error=error)
            raise
        finally:
            ended = time.monotonic()
            self._last = replace(last, ended=ended, duration=ended - started)
            for key in [key for key, after in self._waiting.items() if after <= started]:
                del self._waiting[key]
                self._requeue(key)
        return found

    def _settled(self, projects: Iterable[str]) -> Snapshot:
        started = time.monotonic()
        found = take_snapshot(self._gateway.settle(projects, self._beat), projects, self._beat)
        return replace(found, started=started)
