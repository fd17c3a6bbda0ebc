"""Requests and writes grow no faster than necessary: many objects through the queue, concurrently."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scriptmodel_operator.app import Process, compose
from scriptmodel_operator.config import OperatorConfig
from scriptmodel_operator.controller.queue import arrived
from scriptmodel_operator.desired.policy import Policy
from scriptmodel_operator.engine.errors import EngineError
from scriptmodel_operator.engine.gateway import Calls, Gateway
from scriptmodel_operator.engine.values import BranchRef, JobRef, PipelineRef, RepoRef
from scriptmodel_operator.kube.events import BURST
from scriptmodel_operator.observe.follow import LogFollower
from scriptmodel_operator.observe.polling import SnapshotPoller
from scriptmodel_operator.pachyderm.channel import PachdAddress
from tests.unit.operator.fake_kube import UnexpectedKube, merged
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.unit.operator.job_worlds import PLAYS_BRANCH, JobWorld
from tests.unit.operator.world import PLAYS, SPEC

LISTS = ("list_projects", "list_repos", "list_pipelines", "list_jobs", "list_pipeline_jobs")
DEADLINE = 60


@dataclass
class Kube(UnexpectedKube):
    """The API server with so many objects; `writes` counts the writes by kind."""

    objects: dict[str, dict[str, Any]]
    writes: Counter[str] = field(default_factory=Counter)
    version: int = 1

    def _changed(self, name: str, change: Mapping[str, Any]) -> dict[str, Any]:
        self.version += 1
        known = self.objects[name]
        metadata = {**known["metadata"], **change.get("metadata", {}), "resourceVersion": str(self.version)}
        self.objects[name] = {**known, **change, "metadata": metadata}
        return self.objects[name]

    async def patch_scriptmodel(self, _namespace: str, name: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        self.writes["finalizer"] += 1
        return self._changed(name, {"metadata": merged(self.objects[name]["metadata"], patch["metadata"])})

    async def replace_status(self, _namespace: str, name: str, _uid: str, status: Mapping[str, Any]) -> dict[str, Any]:
        self.writes["status"] += 1
        return self._changed(name, {"status": status})

    async def create_event(self, _namespace: str, _body: Mapping[str, Any]) -> None:
        self.writes["event"] += 1


@dataclass
class Bench:
    """Objects that share one corpus, and the calls to Pachyderm."""

    kube: Kube
    pachyderm: FakePachyderm
    calls: Counter[str] = field(default_factory=Counter)
    jobs: Gateway | None = None
    """The engine of Jobs, where that is used in place of Pachyderm."""

    @classmethod
    def of(cls, many: int) -> Bench:
        names = [f"model-{number}" for number in range(many)]
        kube = Kube({name: _object(name) for name in names})
        bench = cls(kube, FakePachyderm(now=datetime.now(UTC), pipeline_limit=10 * many))
        bench.pachyderm.put(BranchRef(RepoRef("default", "plays"), "master"), PLAYS)
        bench.pachyderm.fault = bench._count
        return bench

    def _count(self, call: str) -> EngineError | None:
        self.calls[call] += 1
        return None

    @property
    def lists(self) -> int:
        return sum(self.calls[call] for call in LISTS)

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[tuple[Process, SnapshotPoller]]:
        """Start a new process, as far as these objects can notice."""
        policy = Policy(namespaced=self.jobs is not None)
        calls, process = Calls(4), Process.create(namespaced=policy.namespaced)
        config = OperatorConfig(pachd=PachdAddress("nowhere:1"), trainer_image="trainer:1", policy=policy)
        controller = compose(config, self.kube, self.jobs or self.pachyderm, calls, "cluster-1", process)
        running = asyncio.create_task(process.queue.run(controller.reconciler.reconcile, config.workers))
        sending = asyncio.create_task(controller.events.run())
        await process.queue.started.wait()
        try:
            yield process, controller.snapshots
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await controller.events.drain()
            sending.cancel()
            controller.observer.logs.close()
            await controller.snapshots.close()
            calls.close()

    async def start(self) -> None:
        """Meet all objects and handle them."""
        async with self.operator() as (process, snapshots):
            for raw in list(self.kube.objects.values()):
                arrived(process.store, process.queue, raw)
            await _idle(process, snapshots)

    async def poll(self, process: Process, snapshots: SnapshotPoller) -> None:
        """Have a poll, and handle all objects as of it."""
        await snapshots.latest(time.monotonic())
        for raw in list(self.kube.objects.values()):
            process.store.put(raw)
            process.queue.add((raw["metadata"]["namespace"], raw["metadata"]["name"]))
        await _idle(process, snapshots)

    @property
    def reasons(self) -> set[str]:
        conditions = (each for raw in self.kube.objects.values() for each in raw["status"]["conditions"])
        return {each["reason"] for each in conditions if each["type"] == "Ready"}


async def _idle(process: Process, snapshots: SnapshotPoller) -> None:
    async with asyncio.timeout(DEADLINE):
        while snapshots._waiting or process.queue.active:
            await asyncio.sleep(0.01)


def _object(name: str) -> dict[str, Any]:
    metadata = {"namespace": "ml", "name": name, "uid": name, "generation": 1, "resourceVersion": "1"}
    return {"metadata": metadata, "spec": SPEC}


async def test_a_first_start_writes_finalizer_and_status_of_each_object_and_few_events() -> None:
    bench = Bench.of(120)
    await bench.start()
    assert bench.kube.writes["finalizer"] == 120
    assert bench.kube.writes["status"] == 120
    assert BURST <= bench.kube.writes["event"] < 2 * BURST
    assert all(len(found["status"]["pipelines"]) == 2 for found in bench.kube.objects.values())


async def test_a_restart_with_nothing_to_do_writes_nothing() -> None:
    bench = Bench.of(20)
    await bench.start()
    written, pipelines = Counter(bench.kube.writes), Counter(bench.pachyderm.calls)
    await bench.start()
    assert bench.kube.writes == written
    assert Counter(bench.pachyderm.calls) == pipelines


async def test_calls_that_list_are_shared_by_all_objects() -> None:
    few, many = Bench.of(10), Bench.of(200)
    for bench in (few, many):
        await bench.start()
        bench.calls.clear()
        await bench.start()
    assert many.lists <= 2 * few.lists, "20 times the objects"
    assert many.calls["list_pipeline_jobs"] == 0


async def test_objects_at_rest_on_jobs_cost_a_poll_one_list_and_the_id_of_the_bucket() -> None:
    bench, world = Bench.of(20), JobWorld()
    world.put(PLAYS_BRANCH, PLAYS)
    bench.jobs = world.gateway()
    async with bench.operator() as (process, snapshots):
        for _ in range(10):
            await bench.poll(process, snapshots)
            if not world.run() and bench.reasons == {"Generated"}:
                break
        assert bench.reasons == {"Generated"}
        await bench.poll(process, snapshots)
        world.bucket.calls.clear()
        world.cluster.calls.clear()
        for _ in range(3):
            await bench.poll(process, snapshots)
    assert Counter(world.bucket.calls) == {"get v1/engine.json": 3}
    assert Counter(world.cluster.calls) == {"GET configmaps": 3}


async def test_a_changed_spec_is_reported_immediately_and_then_its_outcome() -> None:
    bench = Bench.of(1)
    await bench.start()
    statuses: list[str] = []
    real = bench.kube.replace_status

    async def noting(namespace: str, name: str, uid: str, status: Mapping[str, Any]) -> dict[str, Any]:
        ready = next(each for each in status["conditions"] if each["type"] == "Ready")
        statuses.append(f"{ready['reason']} {ready['observedGeneration']}")
        return await real(namespace, name, uid, status)

    bench.kube.replace_status = noting  # type: ignore[method-assign]  # notes what the real one is given
    changed = {**SPEC, "model": {"preset": "small"}}
    bench.kube._changed("model-0", {"spec": changed, "metadata": {"generation": 2}})
    await bench.start()
    assert statuses == ["Updating 2", "WaitingForWorker 2"]


def test_jobs_that_wait_leave_room_for_logs_of_jobs_that_run() -> None:
    follower = LogFollower(FakePachyderm(), limit=4)
    jobs = [JobRef(PipelineRef("default", f"p{number}"), "1") for number in range(8)]
    for job in jobs[:4]:
        follower.waiting(job)
    assert len(follower._active) == 2
    for job in jobs[4:]:
        follower.running(job)
    assert len(follower._active) == 4
    follower.close()
