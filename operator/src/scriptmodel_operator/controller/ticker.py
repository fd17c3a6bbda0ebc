"""Polls Pachyderm and requeues the objects whose pipelines, jobs or repos have changed."""

import asyncio
import logging
import time
from collections.abc import Callable

from scriptmodel_operator.api.names import PIPELINES, Key, pachyderm_names
from scriptmodel_operator.controller.queue import WorkQueue
from scriptmodel_operator.engine.errors import EngineError
from scriptmodel_operator.engine.values import PipelineRef, RepoRef
from scriptmodel_operator.kube.object_store import Store
from scriptmodel_operator.observe.follow import LogFollower
from scriptmodel_operator.observe.polling import SnapshotPoller
from scriptmodel_operator.observe.snapshot import Snapshot

_BATCH = 100
"""Number of objects compared before other tasks of the event loop run."""

log = logging.getLogger(__name__)


class Ticker:
    """Also requeues all objects when Pachyderm stops answering and when it answers again.

    Without objects it polls until the first answer, so that the log shows an engine that does not answer.
    """

    def __init__(
        self,
        store: Store,
        snapshots: SnapshotPoller,
        queue: WorkQueue,
        logs: LogFollower,
        interval: float,
        beat: Callable[[], None],
    ) -> None:
        self._store = store
        self._snapshots = snapshots
        self._queue = queue
        self._logs = logs
        self._interval = interval
        self._beat = beat
        self._known: dict[Key, object] = {}
        self._reachable = True
        self._answered = False
        self.started = asyncio.Event()

    async def run(self) -> None:
        self.started.set()
        while True:
            await asyncio.sleep(self._interval)
            self._beat()
            if len(self._store) or not self._answered:
                await self._tick()
            else:
                self._logs.keep_only(lambda _job: False)

    async def _tick(self) -> None:
        try:
            snapshot = await self._snapshots.latest(time.monotonic() - self._interval / 2)
        except EngineError as error:
            if self._reachable:
                log.warning("the engine does not answer: %s", error)
                self._requeue_all()
            self._reachable = False
            return
        if not self._reachable:
            log.info("the engine answers again")
            self._requeue_all()
        self._reachable = self._answered = True
        await self._requeue_changed(snapshot)
        self._logs.keep_only(snapshot.may_run)

    def _requeue_all(self) -> None:
        for key in self._store:
            self._queue.add(key)

    def on_snapshot(self, key: Key, snapshot: Snapshot) -> None:
        """Remember the snapshot that an object is reconciled with, so that it does not requeue the object."""
        stored = self._store.get(key)
        if stored is not None:
            self._known[key] = _part_of(key, stored.project, snapshot)

    async def _requeue_changed(self, snapshot: Snapshot) -> None:
        for number, key in enumerate(self._store):
            if number % _BATCH == 0:
                await asyncio.sleep(0)
            stored = self._store.get(key)
            if stored is None:
                continue
            part = _part_of(key, stored.project, snapshot)
            if self._known.setdefault(key, part) != part:
                self._known[key] = part
                self._queue.add(key)
        for key in self._known.keys() - set(self._store):
            del self._known[key]


def _part_of(key: Key, project: str, snapshot: Snapshot) -> object:
    """Return the part of a snapshot that concerns one object; equal parts mean that nothing has changed for it."""
    parts: list[object] = [snapshot.engine, project in snapshot.projects, str(snapshot.unread.get(project))]
    names = pachyderm_names(*key, project)
    for ref in (PipelineRef(project, names[each]) for each in PIPELINES):
        parts += (snapshot.pipelines.get(ref), snapshot.jobs.get(ref), snapshot.repos_of(ref))
    parts += (snapshot.readers(RepoRef(project, name)) for name in names.values())
    return tuple(parts)
