"""Polls of Pachyderm: shared, never older than requested, and awaited without blocking anything."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from scriptmodel_operator.engine.errors import EngineError, UnavailableError
from scriptmodel_operator.observe.polling import SnapshotPoller
from tests.unit.operator.fake_pachyderm import FakePachyderm

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
