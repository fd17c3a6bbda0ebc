"""Where snapshots come from: one at a time, shared by all who ask, and never older than asked for.

A look at many pipelines takes a while, so the next one is not begun at once: whoever asks meanwhile shares it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from scriptmodel_operator.observe.snapshot import Snapshot, take_snapshot
from scriptmodel_operator.pachyderm.calls import Calls
from scriptmodel_operator.pachyderm.errors import PachydermError
from scriptmodel_operator.pachyderm.gateway import Gateway

_REST_SHARE = 3.0
_LONGEST_REST_SECONDS = 5.0
"""After a look there is none for three times as long as it took."""


class SnapshotSource:
    """`latest(after)` gives a snapshot that was begun at or after `after` (monotonic seconds)."""

    def __init__(self, gateway: Gateway, calls: Calls, projects: Callable[[], Iterable[str]]) -> None:
        self._gateway = gateway
        self._calls = calls
        self._projects = projects
        self._lock = asyncio.Lock()
        self._snapshot: Snapshot | None = None
        self._error: tuple[float, PachydermError] | None = None
        self._rested = 0.0

    async def latest(self, after: float) -> Snapshot:
        """Raises the PachydermError that the newest look met, if it was begun after `after`."""
        async with self._lock:
            if self._error is not None and self._error[0] >= after:
                raise self._error[1]
            if self._snapshot is None or self._snapshot.started < after or self._error is not None:
                await self._take()
            assert self._snapshot is not None  # noqa: S101 - _take raises or sets it
            return self._snapshot

    async def _take(self) -> None:
        await asyncio.sleep(max(0.0, self._rested - time.monotonic()))
        started = time.monotonic()
        try:
            self._snapshot = await self._calls.run(take_snapshot, self._gateway, tuple(self._projects()))
            self._error = None
        except PachydermError as error:
            self._error = (started, error)
            raise
        finally:
            ended = time.monotonic()
            self._rested = ended + min(_LONGEST_REST_SECONDS, _REST_SHARE * (ended - started))
