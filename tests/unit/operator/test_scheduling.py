"""When an object is reconciled: the queue, the polls of the engine that objects share, and the ticks."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import pytest

from scriptmodel_operator.api.durations import backoff
from scriptmodel_operator.api.names import Key
from scriptmodel_operator.controller import queue as module
from scriptmodel_operator.controller import ticker
from scriptmodel_operator.controller.queue import Handler, RetryError, WorkQueue
from scriptmodel_operator.controller.ticker import Ticker
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.engine.errors import EngineError, UnavailableError
from scriptmodel_operator.engine.values import JobRef, JobState
from scriptmodel_operator.kube.object_store import Store
from scriptmodel_operator.metrics import Metrics
from scriptmodel_operator.observe import snapshot
from scriptmodel_operator.observe.follow import LogFollower
from scriptmodel_operator.observe.polling import SnapshotPoller
from scriptmodel_operator.reconcile.state import requeue_after
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.unit.operator.world import PLAYS, World, scriptmodel, trained_world

A, B = ("ns", "a"), ("ns", "b")
DEADLINE = 60


@asynccontextmanager
async def running(handler: Handler, workers: int = 2) -> AsyncIterator[WorkQueue]:
    queue = WorkQueue(Metrics(Store()), draw=lambda: 0.0)
    task = asyncio.create_task(queue.run(handler, workers))
    await queue.started.wait()
    try:
        yield queue
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not holds():
            await asyncio.sleep(0)


async def test_a_status_that_somebody_else_keeps_writing_is_put_right_once_in_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two operators that do not agree would else answer each other as fast as they can."""
    monkeypatch.setattr(module, "CORRECTION_SECONDS", 3600.0)
    calls = 0

    async def handler(_key: Key) -> None:
        nonlocal calls
        calls += 1

    def arrives(version: int) -> None:
        metadata = {"namespace": A[0], "name": A[1], "uid": "1", "generation": 1, "resourceVersion": str(version)}
        raw = {"metadata": metadata, "spec": {}, "status": {"version": version}}
        module.arrived(store, queue, raw)

    async with running(handler) as queue:
        store = Store()
        arrives(1)
        await until(lambda: calls == 1)
        for version in range(2, 20):
            arrives(version)
            await asyncio.sleep(0)
        assert calls == 1
        monkeypatch.setattr(module, "CORRECTION_SECONDS", 0.001)
        arrives(20)
        await until(lambda: calls == 2 and not queue.is_processing(A))


async def test_a_key_added_during_its_call_is_called_once_more_and_never_twice_at_a_time() -> None:
    calls, at_once, most = 0, 0, 0
    gate = asyncio.Event()

    async def handler(_key: Key) -> None:
        nonlocal calls, at_once, most
        calls, at_once = calls + 1, at_once + 1
        most = max(most, at_once)
        await gate.wait()
        at_once -= 1

    async with running(handler) as queue:
        queue.add(A)
        await until(lambda: queue.is_processing(A))
        for _ in range(5):
            queue.add(A)
        gate.set()
        await until(lambda: calls == 2 and not queue.is_processing(A))
        assert (calls, most) == (2, 1)


async def test_failures_are_called_again_with_growing_delays_and_forgotten_after_success(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY_SECONDS", 0.001)
    seen: list[int] = []

    async def handler(key: Key) -> None:
        seen.append(queue.failures(key))
        if len(seen) < 4:
            raise RetryError("not yet") if len(seen) % 2 else RuntimeError("a bug")

    async with running(handler) as queue:
        queue.add(A)
        await until(lambda: len(seen) == 4 and not queue.is_processing(A))
        assert seen == [0, 1, 2, 3]
        assert queue.failures(A) == 0


async def test_an_earlier_timer_wins_and_a_forgotten_key_has_none() -> None:
    calls: list[Key] = []

    async def handler(key: Key) -> None:
        calls.append(key)

    async with running(handler) as queue:
        queue.add_after(A, 0.001)
        queue.add_after(A, 60)
        queue.add_after(B, 0.001)
        queue.forget(B)
        await until(lambda: calls == [A])
        assert queue.active == 0


def test_backoff_doubles_to_a_limit_and_jitter_takes_at_most_half() -> None:
    assert [backoff(failures, 1, 120, 0) for failures in (1, 2, 3, 4)] == [1, 2, 4, 8]
    assert backoff(1000, 1, 120, 0) == 120
    assert backoff(1, 1, 120, 0.999) > 0.5


SECONDS = 30


class Requeued:
    """Keys in the order in which they were requeued."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self._news = asyncio.Event()

    def add(self, key: tuple[str, str]) -> None:
        self.keys.append(key[1])
        self._news.set()

    async def until(self, many: int) -> list[str]:
        async with asyncio.timeout(SECONDS):
            while len(self.keys) < many:
                self._news.clear()
                await self._news.wait()
        return sorted(self.keys)


@asynccontextmanager
async def polling(pachyderm: FakePachyderm) -> AsyncIterator[tuple[SnapshotPoller, Requeued]]:
    requeued = Requeued()
    source = SnapshotPoller(pachyderm, lambda: {"default"}, requeued.add, lambda: None)
    try:
        yield source, requeued
    finally:
        await source.close()


def counting(pachyderm: FakePachyderm, answers: Iterator[EngineError | None]) -> list[str]:
    """The polls that were started; each gets the next of `answers`."""
    polls: list[str] = []

    def fault(call: str) -> EngineError | None:
        if call != "list_projects":
            return None
        polls.append(call)
        return next(answers, None)

    pachyderm.fault = fault
    return polls


async def test_one_poll_serves_all_waiting_objects() -> None:
    pachyderm = FakePachyderm()
    polls = counting(pachyderm, iter(()))
    async with polling(pachyderm) as (source, requeued):
        for number in range(100):
            source.wait(("ml", f"{number:02}"), time.monotonic())
        assert await requeued.until(100) == [f"{number:02}" for number in range(100)]
        assert len(polls) == 1


async def test_an_object_that_waits_for_an_existing_snapshot_is_requeued_immediately() -> None:
    pachyderm = FakePachyderm()
    polls = counting(pachyderm, iter([None, UnavailableError("list_projects", "gone")]))
    async with polling(pachyderm) as (source, requeued):
        before = time.monotonic()
        await source.latest(before)
        source.wait(("ml", "a"), before)
        assert requeued.keys == ["a"]
        before = time.monotonic()
        with pytest.raises(UnavailableError):
            await source.latest(before)
        source.wait(("ml", "b"), before)
        assert requeued.keys == ["a", "b"]
        assert len(polls) == 2


async def test_an_object_that_accepts_the_latest_snapshot_does_not_wait_for_a_running_poll() -> None:
    pachyderm, started, proceed = FakePachyderm(), threading.Event(), threading.Event()
    async with polling(pachyderm) as (source, requeued):
        before = time.monotonic()
        first = await source.latest(before)

        def slow(call: str) -> None:
            started.set()
            assert proceed.wait(SECONDS), "the poll in progress is awaited"

        pachyderm.fault = slow
        source.wait(("ml", "a"), time.monotonic())
        try:
            assert await asyncio.to_thread(started.wait, SECONDS)
            async with asyncio.timeout(SECONDS / 2):
                assert await source.latest(before) is first
        finally:
            proceed.set()
        assert await requeued.until(1) == ["a"]


async def test_a_poll_is_delayed_by_the_duration_of_the_last_one() -> None:
    pachyderm, took, polls = FakePachyderm(), 0.1, list[float]()

    def slow(call: str) -> None:
        if call == "list_projects":
            polls.append(time.monotonic())
            time.sleep(took)

    pachyderm.fault = slow
    async with polling(pachyderm) as (source, _requeued):
        for _ in range(2):
            await source.latest(time.monotonic())
    assert polls[1] - polls[0] >= 3 * took


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


async def test_an_object_whose_former_corpus_nobody_reads_any_more_is_requeued() -> None:
    """Its repo can be deleted then."""
    pachyderm = FakePachyderm()
    world_named(pachyderm, "thrones")
    own = references(scriptmodel(name="thrones")).own_branch
    reader = World(pachyderm=pachyderm, model=scriptmodel({"corpus": {"repo": {"name": own.repo.name}}}, name="empire"))
    pachyderm.put(own, PLAYS)
    reader.reconcile()
    async with ticking(pachyderm, "thrones") as witness:
        await witness.ticks(2)
        assert await witness.ticks(2) == []
        reader.delete()
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
