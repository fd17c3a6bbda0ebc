"""Where snapshots come from: one at a time, shared by all who ask, and never older than asked for.

A look at many pipelines takes a while, so the next one is not begun at once: whoever asks meanwhile shares it. Where
many wait and nobody is at work who could join them, it is not put off for longer.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from scriptmodel_operator.observe.snapshot import Snapshot, take_snapshot
from scriptmodel_operator.pachyderm.calls import Calls
from scriptmodel_operator.pachyderm.errors import PachydermError
from scriptmodel_operator.pachyderm.gateway import Gateway

Key = tuple[str, str]
"""Namespace and name of an object."""

_LEAST_REST, _REST = 1.0, 5.0
"""After a look there is none for five times as long as it took; for as long as it took, where all who could share
the next one wait for it, and they are not few for as many pipelines as it lists."""
_PIPELINES_FOR_EACH = 100
_LONGEST_REST_SECONDS, _LONGEST_AFTER_FAILURE = 20.0, 5.0
_NAP_SECONDS = 0.05


class SnapshotSource:
    """`latest(after)` gives a snapshot that was begun at or after `after` (monotonic seconds).

    Whoever need not have it in hand says `wait`, and is called up when it is there: thousands may wait, and hold
    nothing meanwhile. Looks are taken in a thread of their own, so that they queue behind no call of a single object.
    """

    def __init__(
        self,
        gateway: Gateway,
        projects: Callable[[], Iterable[str]],
        requeue: Callable[[Key], None],
        at_work: Callable[[], float],
        beat: Callable[[], None],
    ) -> None:
        """`at_work` returns how many objects are reconciled or queued; those that wait in `latest` count.

        `beat` is called in the thread of a poll, which takes minutes if there are many projects and Pachyderm is slow.
        """
        self._gateway = gateway
        self._thread = Calls(1)
        self._projects = projects
        self._requeue = requeue
        self._at_work = at_work
        self._beat = beat
        self._waiting: dict[Key, float] = {}
        self._serving: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._asking = 0
        self._snapshot: Snapshot | None = None
        self._error: tuple[float, PachydermError] | None = None
        self._ended = 0.0
        self._took = 0.0

    async def latest(self, after: float) -> Snapshot:
        """Raises the PachydermError that the newest look met, if it was begun after `after`.

        Who is content with the look that is there does not wait for one that is under way.
        """
        known = self._known(after)
        if known is not None:
            return known
        self._asking += 1
        try:
            return await self._newer(after)
        finally:
            self._asking -= 1

    async def _newer(self, after: float) -> Snapshot:
        async with self._lock:
            return self._known(after) or await self._take()

    @property
    def pace(self) -> float:
        """Seconds from the beginning of one look to the end of the next, when many ask for them."""
        return 2 * self._took + self._longest_rest

    @property
    def _newest(self) -> float:
        """When the newest look that has ended was begun."""
        if self._error is not None:
            return self._error[0]
        return -math.inf if self._snapshot is None else self._snapshot.started

    def _known(self, after: float) -> Snapshot | None:
        if self._newest < after:
            return None
        if self._error is not None:
            raise self._error[1]
        return self._snapshot

    def wait(self, key: Key, after: float) -> None:
        """Call `key` up once a look was begun at or after `after`, whatever it met; one may be there already."""
        if self._newest >= after:
            self._requeue(key)
            return
        self._waiting[key] = after
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve(), name="looks")

    @property
    def waiting(self) -> int:
        """How many have said `wait` and were not called up yet."""
        return len(self._waiting)

    def forget(self, key: Key) -> None:
        """It was called up by something else, or is gone."""
        self._waiting.pop(key, None)

    def close(self) -> None:
        """Waits for the look that is under way, which closing the gateway ends."""
        if self._serving is not None:
            self._serving.cancel()
        self._thread.close()

    async def _serve(self) -> None:
        while self._waiting:
            with suppress(PachydermError):
                await self._newer(max(self._waiting.values()))

    async def _take(self) -> Snapshot:
        await self._rest()
        begun = time.monotonic()
        try:
            found = await self._thread.run(take_snapshot, self._gateway, tuple(self._projects()), self._beat)
            self._snapshot, self._error, begun = found, None, found.started
        except PachydermError as error:
            self._error = (begun, error)
            raise
        finally:
            self._ended = time.monotonic()
            self._took = self._ended - begun
            for key in [key for key, after in self._waiting.items() if after <= begun]:
                del self._waiting[key]
                self._requeue(key)
        return found

    @property
    def _longest_rest(self) -> float:
        return min(_LONGEST_AFTER_FAILURE if self._error else _LONGEST_REST_SECONDS, _REST * self._took)

    async def _rest(self) -> None:
        least, longest = min(_LEAST_REST * self._took, self._longest_rest), self._longest_rest
        while (rested := time.monotonic() - self._ended) < longest:
            if rested >= least and self._all_wait:
                return
            await asyncio.sleep(min(_NAP_SECONDS, longest - rested))

    @property
    def _all_wait(self) -> bool:
        """Whether there are enough objects that wait for a look, and none that does anything else."""
        at_work = self._at_work()
        wait = at_work + len(self._waiting)
        pipelines = len(self._snapshot.pipelines) if self._snapshot else 0
        return at_work <= self._asking and wait > 0 and wait * _PIPELINES_FOR_EACH >= pipelines
