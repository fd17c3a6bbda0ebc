"""A controller with a fake API server and a Pachyderm in memory, and what its tests ask about an object."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from scriptmodel_operator.api.names import Key
from scriptmodel_operator.app import Parts, Process, compose
from scriptmodel_operator.config import OperatorConfig
from scriptmodel_operator.controller.queue import WorkQueue
from scriptmodel_operator.engine.errors import EngineError
from scriptmodel_operator.engine.gateway import Calls, Gateway
from scriptmodel_operator.engine.values import BranchRef, RepoRef
from scriptmodel_operator.kube.errors import KubeConflictError, KubeForbiddenError, KubeUnavailableError
from scriptmodel_operator.kube.gateway import KubeGateway
from scriptmodel_operator.metrics import Metrics
from scriptmodel_operator.pachyderm.channel import PachdAddress
from tests.unit.operator.conformance import check_status
from tests.unit.operator.fake_kube import UnexpectedKube, merged
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.unit.operator.world import PLAYS, SPEC

KEY = ("ml", "thrones")
PLAYS_BRANCH = BranchRef(RepoRef("default", "plays"), "master")


@dataclass
class FakeKube(UnexpectedKube):
    """One ScriptModel; `writes` has each request that changed it."""

    raw: dict[str, Any]
    writes: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    """The reason of each event."""
    refuses_events: bool = False
    fault: Callable[[str], bool] = lambda _what: False
    _event_names: set[str] = field(default_factory=set)

    async def is_ending(self, _namespace: str) -> bool:
        return False

    def _changed(self) -> dict[str, Any]:
        metadata = self.raw["metadata"]
        self.raw = {**self.raw, "metadata": {**metadata, "resourceVersion": str(int(metadata["resourceVersion"]) + 1)}}
        return self.raw

    def edit(self, spec: Mapping[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
        """Change the object as somebody else, and return it."""
        self.raw = {**self.raw, "spec": spec or self.raw["spec"], "metadata": {**self.raw["metadata"], **metadata}}
        return self._changed()

    async def patch_scriptmodel(self, _namespace: str, _name: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        self.writes.append("finalizers")
        self.raw["metadata"] = merged(self.raw["metadata"], patch["metadata"])
        return self._changed()

    async def replace_status(self, _namespace: str, _name: str, _uid: str, status: Mapping[str, Any]) -> dict[str, Any]:
        if self.fault("status"):
            raise KubeUnavailableError("writing the status", 503, "injected")
        self.writes.append("status")
        check_status(status, self.raw["metadata"]["generation"])
        self.raw = {**self.raw, "status": status}
        return self._changed()

    async def get_config_map(self, _namespace: str, _name: str) -> dict[str, Any]:
        return {"data": {"hamlet.txt": "HAMLET: To be or not to be."}}

    async def create_event(self, _namespace: str, body: Mapping[str, Any]) -> None:
        if self.fault("event"):
            raise KubeUnavailableError("writing an event", 503, "injected")
        if self.refuses_events:
            raise KubeForbiddenError("writing an event", 403, "injected")
        name = body["metadata"]["name"]
        if name in self._event_names:
            raise KubeConflictError("writing an event", 409, "exists")
        self._event_names.add(name)
        self.events.append(body["reason"])


class RecordingQueue(WorkQueue):
    """Records the keys that are added, and handles none; each has failed so often as a test says."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__(metrics)
        self.added: list[Key] = []
        self.failed = 0
        self.news = asyncio.Event()

    def failures(self, _key: Key) -> int:
        return self.failed

    def add(self, key: Key) -> None:
        self.added.append(key)
        self.news.set()


def raw_object(spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    known = {"namespace": KEY[0], "name": KEY[1], "uid": "1", "generation": 1, "resourceVersion": "1"}
    return {"metadata": {**known, **metadata}, "spec": spec}


@asynccontextmanager
async def controller(
    raw: dict[str, Any], wrap: Callable[[Any], Any] = lambda fake: fake, **settings: Any
) -> AsyncIterator[tuple[Parts, FakeKube, FakePachyderm]]:
    """Yield a controller and its fakes, which it calls through `wrap`."""
    kube, pachyderm = FakeKube(raw), FakePachyderm(now=datetime.now(UTC))
    async with controller_over(wrap(kube), wrap(pachyderm), raw, **settings) as found:
        yield found, kube, pachyderm


@asynccontextmanager
async def controller_over(
    kube: KubeGateway, gateway: Gateway, raw: dict[str, Any], **settings: Any
) -> AsyncIterator[Parts]:
    """Yield a controller over an engine, which has the object."""
    calls = Calls(2)
    config = OperatorConfig(pachd=PachdAddress("nowhere:1"), trainer_image="trainer:1", poll_interval=5, **settings)
    created = Process.create(namespaced=config.policy.namespaced)
    process = replace(created, queue=RecordingQueue(created.metrics))
    found = compose(config, kube, gateway, calls, "cluster-1", process)
    found.reconciler.store.put(raw)
    sending = asyncio.create_task(found.events.run())
    try:
        yield found
    finally:
        sending.cancel()
        found.observer.logs.close()
        await found.snapshots.close()
        calls.close()


@asynccontextmanager
async def settled_controller(
    raw: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[tuple[Parts, FakeKube, FakePachyderm]]:
    """Yield a controller that has made the pipelines of an object with a corpus."""
    async with controller(raw or raw_object(SPEC), **settings) as (found, kube, pachyderm):
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        await settled(found)
        yield found, kube, pachyderm


def edit(found: Parts, kube: FakeKube, spec: Mapping[str, Any] | None = None, **metadata: Any) -> None:
    """Change the object as somebody else, which the controller receives."""
    found.reconciler.store.put(kube.edit(spec, **metadata))


async def settled(found: Parts) -> float | None:
    """Reconcile until no snapshot is waited for."""
    awaited = list[float]()
    found.snapshots.wait = lambda _key, after: awaited.append(after)  # type: ignore[method-assign]  # records, and waits for nothing
    while True:
        requeue_after = await found.reconciler.reconcile(KEY)
        if not awaited:
            return requeue_after
        with suppress(EngineError):
            await found.snapshots.latest(awaited.pop())


def reason(kube: FakeKube) -> str:
    conditions = {each["type"]: each for each in kube.raw["status"]["conditions"]}
    return str(conditions["Ready"]["reason"])


def message(kube: FakeKube) -> str:
    conditions = {each["type"]: each for each in kube.raw["status"]["conditions"]}
    return str(conditions["Ready"]["message"])


async def later(found: Parts, pachyderm: FakePachyderm, seconds: float) -> float | None:
    """Reconcile with a snapshot that is so much later."""
    pachyderm.advance(seconds)
    await found.snapshots.latest(time.monotonic())
    return await settled(found)
