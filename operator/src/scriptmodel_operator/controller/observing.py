"""Observes one ScriptModel, and decides the state that it is in, reading no more than this depends on."""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from scriptmodel_operator.api.identity import engine_of
from scriptmodel_operator.api.names import Key
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.config import OperatorConfig
from scriptmodel_operator.controller.engines import RecordedEngines
from scriptmodel_operator.controller.ticker import Ticker
from scriptmodel_operator.desired.pipelines import desired
from scriptmodel_operator.desired.policy import read_refusal, refusal
from scriptmodel_operator.engine.errors import EngineError
from scriptmodel_operator.ingest.downloads import Downloads, DownloadState
from scriptmodel_operator.ingest.source import continued_text, corpus_source
from scriptmodel_operator.kube.errors import KubeNotFoundError
from scriptmodel_operator.kube.gateway import KubeGateway, claim
from scriptmodel_operator.observe.observer import Observer
from scriptmodel_operator.observe.polling import SnapshotPoller
from scriptmodel_operator.observe.snapshot import Snapshot
from scriptmodel_operator.observe.view import ModelView
from scriptmodel_operator.reconcile.assess import Given, assess, refuse, stop
from scriptmodel_operator.reconcile.state import State


@dataclass
class Observing:
    config: OperatorConfig
    cluster: str
    kube: KubeGateway
    engines: RecordedEngines
    snapshots: SnapshotPoller
    ticker: Ticker
    observer: Observer
    downloads: Downloads
    _acted: dict[Key, float] = field(default_factory=dict, init=False)
    """When actions were last carried out for an object (monotonic seconds)."""

    def acted(self, key: Key) -> float:
        """Trust no snapshot of the object that is older than now; return now (monotonic seconds)."""
        self._acted[key] = time.monotonic()
        return self._acted[key]

    def forget(self, key: Key) -> None:
        self._acted.pop(key, None)

    async def observe(self, model: ScriptModel, requested: float) -> State:
        """Return the state of an object that is not being deleted. Raises EngineError, and KubeError.

        `requested` is when the object was last changed by a user (monotonic seconds).
        """
        refused, view = refusal(model, self.config.policy), None
        if model.spec.suspend:
            view = await self.owned(model, requested)
        elif refused:
            with suppress(EngineError):  # the refusal is reported without it, too
                view = await self.owned(model, requested)
        if view and (stopping := stop(model, view)):
            return stopping
        return refuse(model, view, refused) if refused else await self._observe_all(model, requested)

    async def _observe_all(self, model: ScriptModel, requested: float) -> State:
        """Return the state, by a snapshot that may be a little older than the object at first."""
        age = max(2 * self.config.poll_interval, self.snapshots.pace)
        after = max(time.monotonic() - age, self._acted.get(model.key, 0.0))
        if model.reconcile_requested:
            after = max(after, requested)
        source = await corpus_source(self.kube.get_config_map, self.downloads, model)
        if isinstance(source, DownloadState):
            after = max(after, source.committed)
        given = Given(model, source, await continued_text(self.kube.get_config_map, model))
        snapshot, found = await self._observe_since(given, after)
        if found.blocked and found.ready.reason is not Reason.SUSPENDED and snapshot.started < requested:
            # The problem may have been fixed after the snapshot and before the object was written.
            _, found = await self._observe_since(given, requested)
        return found

    async def _observe_since(self, given: Given, after: float) -> tuple[Snapshot, State]:
        model, calls = given.model, self.engines.calls
        snapshot, owner = await self._snapshot(model, after), model.owner(self.cluster)
        refused = read_refusal(model, self.config.policy, partial(snapshot.foreign, owner=owner))
        if refused is not None:
            owned = await calls.run(self.observer.owned, model, snapshot)
            return snapshot, stop(model, owned) or refuse(model, owned, refused)
        view = await calls.run(self.observer.view, model, snapshot)
        mark = view.train.mark if view.train else None
        image, volume = self.config.trainer_image, self.config.checkpoint_claim
        pipelines = desired(model, view.refs, owner, mark, image=image, claim=volume, continued=given.text)
        return snapshot, stop(model, view) or assess(given, view, pipelines)

    async def owned(self, model: ScriptModel, requested: float) -> ModelView:
        """Return what the object owns, with a snapshot newer than its last change and the last action on it."""
        snapshot = await self._snapshot(model, max(requested, self._acted.get(model.key, 0.0)))
        return await self.engines.calls.run(self.observer.owned, model, snapshot)

    async def _snapshot(self, model: ScriptModel, after: float) -> Snapshot:
        """Return a snapshot of the engine that the object is recorded on. An object without a record gets that one,
        with the finalizer and before any action. Raises OtherEngineError, and KubeNotFoundError for an object that was
        deleted meanwhile: without the finalizer, nothing would tidy up after an action.
        """
        snapshot, store = await self.snapshots.latest(after), self.engines.store
        self.ticker.on_snapshot(model.key, snapshot)
        if unread := snapshot.unread.get(model.spec.pachyderm.project):
            raise unread
        self.engines.check(model, snapshot.engine)
        stored = store.get(model.key)
        if model.deleting:
            return snapshot
        if stored is None or stored.uid != model.uid:
            raise KubeNotFoundError(f"observing {model}", 404, "it was deleted")
        if not engine_of(stored.raw) and await self.engines.present() != snapshot.engine:
            snapshot = await self.snapshots.latest(time.monotonic())  # the engine was replaced a moment ago
        if written := await claim(self.kube, stored.raw, snapshot.engine):
            store.refresh(written)
        return snapshot
