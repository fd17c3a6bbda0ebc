"""Each tick: which objects are requeued, also without a change, and whose log is followed no longer."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import pytest

from scriptmodel_operator.api.names import Key
from scriptmodel_operator.controller import ticker
from scriptmodel_operator.controller.queue import WorkQueue
from scriptmodel_operator.controller.ticker import Ticker
from scriptmodel_operator.engine.errors import UnavailableError
from scriptmodel_operator.engine.values import JobRef, JobState
from scriptmodel_operator.kube.object_store import Store
from scriptmodel_operator.observe import snapshot
from scriptmodel_operator.observe.follow import LogFollower
from scriptmodel_operator.observe.polling import SnapshotPoller
from scriptmodel_operator.reconcile.state import requeue_after
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.unit.operator.world import PLAYS, World, scriptmodel, trained_world

SECONDS = 30


class Witness:
    """Replaces the queue and the log follower."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self.followed: list[Callable[[JobRef], bool]] = []

    def add(self, key: Key) -> None:
        self.called.append(key[1])

    def keep_only(self, may_run: Callable[[JobRef], bool]) -> None:
        self.followed.append(may_run)

    async def ticks(self, more: int) -> list[str]:
        """Return the objects that were requeued after so many more polls."""
        self.called.clear()
        until = len(self.followed) + more
        async with asyncio.timeout(SECONDS):
            while len(self.followed) < until:
                await asyncio.sleep(0.01)
        return sorted(self.called)


def world_named(pachyderm: FakePachyderm, name: str) -> World:
    world = World(pachyderm=pachyderm, model=scriptmodel(name=name))
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    return world


@asynccontextmanager
async def ticking(pachyderm: FakePachyderm, *names: str) -> AsyncIterator[Witness]:
    store, witness = Store(), Witness()
    for name in names:
        metadata: dict[str, Any] = {"namespace": "ml", "name": name, "uid": name, "resourceVersion": "1"}
        store.put({"metadata": metadata, "spec": {}})
    snapshots = SnapshotPoller(pachyderm, store.projects, witness.add, lambda: None)
    ticking = Ticker(store, snapshots, cast(WorkQueue, witness), cast(LogFollower, witness), 0.02, lambda: None)
    task = asyncio.create_task(ticking.run())
    try:
        yield witness
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await snapshots.close()


async def test_only_an_object_whose_pipelines_or_jobs_changed_is_requeued() -> None:
    pachyderm = FakePachyderm()
    thrones, _empire = world_named(pachyderm, "thrones"), world_named(pachyderm, "empire")
    async with ticking(pachyderm, "thrones", "empire") as witness:
        await witness.ticks(2)
        assert await witness.ticks(2) == []
        pachyderm.edit(thrones.generate, tries=9)
        assert await witness.ticks(3) == ["thrones"]


@pytest.mark.parametrize("good", [True, False])
async def test_an_object_whose_result_or_bad_corpus_commit_somebody_deleted_is_requeued(*, good: bool) -> None:
    world = trained_world()
    pachyderm = world.pachyderm
    commit = pachyderm.put(world.corpus, {"/macbeth.txt": b"MACBETH: Is this a dagger?"})
    if good:
        pachyderm.succeed(world.train)
        pachyderm.succeed(world.generate)
    else:
        pachyderm.fail(world.train)
    async with ticking(pachyderm, "thrones") as witness:
        await witness.ticks(2)
        assert await witness.ticks(2) == []
        pachyderm.drop(commit)
        assert await witness.ticks(3) == ["thrones"]


async def test_all_are_requeued_when_pachyderm_goes_away_and_when_it_is_back() -> None:
    pachyderm = FakePachyderm()
    async with ticking(pachyderm, "thrones", "empire") as witness:
        await witness.ticks(2)
        failed = 0

        def away(_call: str) -> UnavailableError:
            nonlocal failed
            failed += 1
            return UnavailableError("listing", "away")

        witness.called.clear()
        pachyderm.fault = away
        async with asyncio.timeout(SECONDS):
            while failed < 4:
                await asyncio.sleep(0.01)
        assert sorted(witness.called) == ["empire", "thrones"]
        pachyderm.fault = lambda _call: None
        assert await witness.ticks(2) == ["empire", "thrones"]


async def test_only_logs_of_jobs_that_have_not_ended_are_followed_on() -> None:
    pachyderm = FakePachyderm()
    world = world_named(pachyderm, "thrones")
    running = pachyderm.run(world.train)
    async with ticking(pachyderm, "thrones") as witness:
        await witness.ticks(2)
        assert witness.followed[-1](running.ref)
        pachyderm.succeed(world.train)
        await witness.ticks(2)
        assert not witness.followed[-1](running.ref)


async def test_without_objects_the_engine_is_polled_until_it_answers(caplog: pytest.LogCaptureFixture) -> None:
    pachyderm, polls = FakePachyderm(), 0

    def away(_call: str) -> UnavailableError | None:
        nonlocal polls
        polls += 1
        return UnavailableError("listing", "away") if polls < 4 else None

    pachyderm.fault = away
    with caplog.at_level(logging.INFO, logger=ticker.__name__):
        async with ticking(pachyderm) as witness:
            await witness.ticks(1)
            answered = polls
            await witness.ticks(3)
    assert caplog.messages == [
        "the engine does not answer: listing: away",
        "the engine answers again",
    ]
    assert polls == answered


POLL, SOURCE_DUE = 5.0, 600.0


def requeue(world: World, source_due: float | None = None) -> float | None:
    return requeue_after(world.assess(), world.model, poll_interval=POLL, source_due=source_due)


def test_a_blocked_object_is_polled_and_a_suspended_one_is_not() -> None:
    assert requeue(World(), SOURCE_DUE) == POLL
    world = trained_world()
    world.apply({"suspend": True})
    assert requeue(world, SOURCE_DUE) is None


def test_a_settled_and_a_failed_object_wait_for_their_source_only() -> None:
    world = trained_world()
    assert (requeue(world), requeue(world, SOURCE_DUE)) == (None, SOURCE_DUE)
    world.pachyderm.put(world.corpus, {"/macbeth.txt": b"MACBETH: Is this a dagger?\n"})
    world.pachyderm.fail(world.train)
    assert (requeue(world), requeue(world, SOURCE_DUE)) == (None, SOURCE_DUE)


def test_a_running_job_is_polled_and_a_waiting_one_has_until_pending_deadline() -> None:
    world = World(model=scriptmodel({"training": {"pendingDeadline": "30m"}}))
    world.pachyderm.put(world.corpus, PLAYS)
    assert requeue(world) == POLL
    world.reconcile()
    world.pachyderm.advance(600)
    assert requeue(world) == 300
    assert requeue(world, 100) == 100
    world.pachyderm.advance(1198)
    assert requeue(world) == POLL, "no sooner than a poll"
    world.pachyderm.run(world.train)
    assert requeue(world) == POLL


def test_of_jobs_that_are_not_in_the_list_only_one_that_others_wait_for_may_run() -> None:
    pachyderm = FakePachyderm()
    world = world_named(pachyderm, "thrones")
    pachyderm.run(world.train)
    pachyderm.put(world.corpus, PLAYS)
    whole = snapshot.take_snapshot(pachyderm, {"default"})
    newer, older = whole.jobs[world.train]
    cut = replace(whole, jobs={world.train: (newer,)}, complete_projects=frozenset())
    assert cut.may_run(older.ref)
    assert not replace(cut, complete_projects=whole.complete_projects).may_run(older.ref)
    assert not replace(cut, jobs={world.train: (replace(newer, state=JobState.RUNNING),)}).may_run(older.ref)
