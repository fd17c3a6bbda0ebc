"""The queue: one call at a time for each key, none lost, back-off for each key alone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from scriptmodel_operator.api.durations import backoff
from scriptmodel_operator.api.names import Key
from scriptmodel_operator.controller import queue as module
from scriptmodel_operator.controller.queue import Handler, RetryError, WorkQueue
from scriptmodel_operator.kube.object_store import Store
from scriptmodel_operator.metrics import Metrics

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
