"""The end of any task ends the process: none dies in silence while the probes stay green."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from scriptmodel_operator import app
from scriptmodel_operator.app import Parts, Process, run, working
from scriptmodel_operator.cli import main
from scriptmodel_operator.config import OperatorConfig
from scriptmodel_operator.controller.queue import WorkQueue
from scriptmodel_operator.controller.ticker import Ticker
from scriptmodel_operator.engine.gateway import Calls
from scriptmodel_operator.kube.events import EventRecorder
from scriptmodel_operator.kube.kopf_patches.endings import quiet_endings
from scriptmodel_operator.kube.kopf_patches.slim_import import kopf
from scriptmodel_operator.kube.leader import LeadershipLostError
from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.observe import polling
from scriptmodel_operator.pachyderm.channel import PachdAddress
from tests.unit.operator.fake_kube import UnexpectedKube
from tests.unit.operator.fake_pachyderm import FakePachyderm

CONFIG = OperatorConfig(pachd=PachdAddress("nowhere:1"), trainer_image="trainer:1", health_listen="", leader_elect=True)
DEADLINE = 30


async def broken(*_: Any) -> None:
    raise ValueError("a bug")


async def ends(*_: Any) -> None:
    """Return at once, as no task of the operator does."""


async def lasts(*_: Any) -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def client(*_: Any) -> AsyncIterator[UnexpectedKube]:
    yield UnexpectedKube()


@pytest.fixture
def pachyderm(monkeypatch: pytest.MonkeyPatch) -> FakePachyderm:
    found = FakePachyderm()
    monkeypatch.setattr(app, "PachydermGateway", lambda *_: found)
    return found


async def work(config: OperatorConfig = CONFIG, until: Callable[[], Awaitable[None]] = lasts) -> None:
    process = Process.create()
    gateway, _where = app.open_pachyderm(config, process, UNLIMITED)
    async with (
        asyncio.timeout(DEADLINE),
        asyncio.TaskGroup() as group,
        working(group, config, UnexpectedKube(), gateway, "cluster-1", process),
    ):
        await until()


@pytest.mark.parametrize(("fault", "error"), [(broken, ValueError), (ends, RuntimeError)])
@pytest.mark.parametrize(("place", "name"), [(WorkQueue, "run"), (Ticker, "run"), (EventRecorder, "run")])
async def test_a_task_that_ends_ends_the_others(
    monkeypatch: pytest.MonkeyPatch,
    pachyderm: FakePachyderm,
    place: Any,
    name: str,
    fault: Callable[..., Any],
    error: type[Exception],
) -> None:
    monkeypatch.setattr(place, name, fault)
    with pytest.raises(ExceptionGroup) as caught:
        await work()
    assert [type(each) for each in caught.value.exceptions] == [error]
    assert {task.get_name() for task in asyncio.all_tasks()} & {"queue", "ticker", "events"} == set()


async def test_a_poll_that_ends_unexpectedly_ends_the_others(
    monkeypatch: pytest.MonkeyPatch, pachyderm: FakePachyderm
) -> None:
    def bug(*_: Any) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(polling, "take_snapshot", bug)
    compose = app.compose

    made: list[Parts] = []

    def composed(*arguments: Any) -> Parts:
        made.append(compose(*arguments))
        return made[0]

    async def waits() -> None:
        made[0].snapshots.wait(("ml", "thrones"), 0.0)
        await lasts()

    monkeypatch.setattr(app, "compose", composed)
    with pytest.raises(ExceptionGroup) as caught:
        await work(until=waits)
    assert [type(each) for each in caught.value.exceptions] == [ValueError]


def test_the_end_waits_for_a_call_that_waits_for_the_event_loop(pachyderm: FakePachyderm) -> None:
    entered, closed, answered = threading.Event(), threading.Event(), list[int]()

    async def answer() -> int:
        return 1

    async def ends_during_a_call() -> None:
        loop = asyncio.get_running_loop()

        def engine() -> str:
            entered.set()
            closed.wait(DEADLINE)
            answered.append(asyncio.run_coroutine_threadsafe(answer(), loop).result(DEADLINE))
            return pachyderm.engine_id

        pachyderm.engine = engine  # type: ignore[method-assign]
        pachyderm.close = closed.set  # type: ignore[method-assign]
        with pytest.raises(ExceptionGroup):
            await work(replace(CONFIG, poll_interval=0.01), until=fails)

    async def fails() -> None:
        await asyncio.to_thread(entered.wait, DEADLINE)
        raise ValueError("a bug")

    process = threading.Thread(target=asyncio.run, args=[ends_during_a_call()], daemon=True)
    process.start()
    process.join(DEADLINE / 2)
    assert answered == [1]


def test_the_end_does_not_wait_for_a_call_that_never_ends() -> None:
    calls, entered, ended, waited = Calls(1), threading.Event(), threading.Event(), list[bool]()

    def endless() -> None:
        entered.set()
        ended.wait(DEADLINE)

    async def started() -> None:
        call = asyncio.create_task(calls.run(endless))
        await asyncio.to_thread(entered.wait, DEADLINE)
        closing = threading.Thread(target=calls.close, args=[0.1], daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, DEADLINE / 2)
        waited.append(closing.is_alive())
        ended.set()
        await call

    asyncio.run(started())
    assert waited == [False]


async def test_a_signal_ends_the_process_without_an_error_though_kopf_handles_signals_too(
    monkeypatch: pytest.MonkeyPatch, pachyderm: FakePachyderm
) -> None:
    ended = asyncio.Event()

    async def spawn(**_: Any) -> list[asyncio.Task[None]]:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        return []

    async def until_a_signal(*_: Any, **_options: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await ended.wait()

    async def contact(*_: Any) -> str:
        return "cluster-1"

    monkeypatch.setattr(app, "KubeClient", client)
    monkeypatch.setattr(app, "_first_contact", contact)
    monkeypatch.setattr(kopf, "spawn_tasks", spawn)
    monkeypatch.setattr(kopf, "run_tasks", until_a_signal)
    async with asyncio.timeout(DEADLINE):
        await run(replace(CONFIG, leader_elect=False))


class Leads:
    """A leader whose parts a test replaces."""

    def __init__(self, keep: Callable[..., Any]) -> None:
        self.keep, self.acquire = keep, ends


async def lost() -> None:
    raise LeadershipLostError("somebody else leads")


@pytest.mark.parametrize(
    ("watch", "keep", "error"),
    [
        (broken, lasts, ValueError),
        (ends, lasts, RuntimeError),
        (lasts, broken, ValueError),
        (lasts, ends, RuntimeError),
        (lasts, lost, LeadershipLostError),
    ],
)
async def test_the_end_of_the_watch_or_the_leader_ends_the_process(
    monkeypatch: pytest.MonkeyPatch, watch: Callable[..., Any], keep: Callable[..., Any], error: type[Exception]
) -> None:
    @asynccontextmanager
    async def elected(_config: OperatorConfig) -> AsyncIterator[Leads]:
        yield Leads(keep)

    monkeypatch.setattr(app, "_leader", elected)
    monkeypatch.setattr(app, "KubeClient", client)
    monkeypatch.setattr(app, "_work", watch)
    with pytest.raises(ExceptionGroup) as caught:
        async with asyncio.timeout(DEADLINE):
            await run(CONFIG)
    assert [type(each) for each in caught.value.exceptions] == [error]


@pytest.mark.parametrize(
    ("error", "reported"),
    [(ValueError("a bug"), ""), (LeadershipLostError("somebody else leads"), "Error: somebody else leads\n")],
)
def test_the_process_fails_with_a_traceback_but_for_an_error_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reported: str
) -> None:
    async def failing(_config: OperatorConfig) -> None:
        async with asyncio.TaskGroup() as group:
            app.start(group, "ticker", lambda: _raised(error))

    monkeypatch.setattr(app, "run", failing)
    done = CliRunner().invoke(main, ["run", "--pachd=nowhere:1", "--trainer-image=x"])
    assert (done.exit_code, done.stderr) == (1, reported)
    assert isinstance(done.exception, SystemExit if reported else ExceptionGroup)


async def test_a_part_that_returns_when_it_is_cancelled_is_no_error() -> None:
    started = asyncio.Event()

    async def as_kopf_does() -> None:
        started.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = app.start(group, "watch", as_kopf_does)
        await started.wait()
        task.cancel()


async def _raised(error: Exception) -> None:
    raise error


def test_a_watch_that_the_loop_closes_is_no_error_and_a_lost_task_is(caplog: pytest.LogCaptureFixture) -> None:
    async def watch() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            raise RuntimeError("generator didn't stop")

    async def end() -> None:
        quiet_endings(asyncio.get_running_loop())
        watches.append(watch())
        await anext(watches[0])
        asyncio.get_running_loop().call_exception_handler({"message": "a task was lost"})

    watches: list[AsyncIterator[int]] = []
    with caplog.at_level(logging.INFO):
        asyncio.run(end())
    assert [record.getMessage() for record in caplog.records] == ["a task was lost"]
