"""The end of any task ends the process: none dies in silence while the probes stay green."""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from scriptmodel_operator import app
from scriptmodel_operator.api.identity import GROUP, PLURAL, VERSION
from scriptmodel_operator.app import Process, run, working
from scriptmodel_operator.cli import main
from scriptmodel_operator.config import OperatorConfig
from scriptmodel_operator.controller.queue import WorkQueue
from scriptmodel_operator.controller.ticker import Ticker
from scriptmodel_operator.engine.gateway import Calls
from scriptmodel_operator.kube.events import EventRecorder
from scriptmodel_operator.kube.leader import LEASE_NAME, LeadershipLostError
from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.pachyderm.channel import PachdAddress
from tests.unit.operator.api_server import HELD, ApiServer, serve_scriptmodels
from tests.unit.operator.connecting import kubeconfig
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


@pytest.mark.parametrize("lost", [False, True], ids=["a signal", "the loss of the lease"])
def test_an_operator_that_ends_during_calls_releases_its_lease(
    pachyderm: FakePachyderm, tmp_path: Path, lost: bool
) -> None:
    """Each thread that waits is let go, whatever it waits for; so is the watch."""
    closed, entered = threading.Event(), threading.Event()

    def engine() -> str:
        entered.set()
        closed.wait(DEADLINE)
        return pachyderm.engine_id

    pachyderm.engine = engine  # type: ignore[method-assign]
    pachyderm.close = closed.set  # type: ignore[method-assign]
    leases = list[dict[str, Any]]()

    def lease(_method: str, _query: str, body: dict[str, Any] | None) -> tuple[int, Any]:
        if lost and entered.is_set() and body:
            return 409, {"message": "the object has been modified"}
        if body:
            leases.append({**body, "metadata": {**body["metadata"], "resourceVersion": str(len(leases) + 1)}})
        held = {**leases[-1]["spec"], **({"holderIdentity": "another"} if lost and entered.is_set() else {})}
        return 200, {**leases[-1], "spec": held}

    async def ends() -> None:
        async with asyncio.timeout(DEADLINE):
            running = asyncio.create_task(
                run(replace(CONFIG, lease_namespace="ns", kubeconfig=file, poll_interval=0.01))
            )
            await asyncio.to_thread(entered.wait, DEADLINE)
            if not lost:
                os.kill(os.getpid(), signal.SIGTERM)
            await running

    with ApiServer() as server:
        serve_scriptmodels(server)
        path = "/apis/coordination.k8s.io/v1/namespaces/ns/leases"
        server.answers |= {path: lease, f"{path}/{LEASE_NAME}": lambda *given: lease(*given) if leases else (404, {})}
        file = kubeconfig(tmp_path / "config", cluster={"server": server.url("")}, user={"token": server.valid})
        if lost:
            with pytest.raises(ExceptionGroup) as caught:
                asyncio.run(ends())
            assert str(caught.value.exceptions[0]).startswith("'another' leads instead of")
        else:
            asyncio.run(ends())
    assert (leases[-1]["spec"]["holderIdentity"] == "") is not lost


async def test_a_namespace_that_may_not_be_read_does_not_stop_the_watch_of_another(
    tmp_path: Path, pachyderm: FakePachyderm, caplog: pytest.LogCaptureFixture
) -> None:
    """It is asked again, and watched once its role is there."""
    api, admitted, watched = f"/apis/{GROUP}/{VERSION}/namespaces", threading.Event(), set[str]()

    def answers(namespace: str) -> Callable[..., tuple[int, Any]]:
        def answer(_method: str, query: str, _body: object) -> tuple[int, Any]:
            if namespace == "films" and not admitted.is_set():
                return 403, {"kind": "Status", "message": "scriptmodels is forbidden"}
            if "watch=" in query:
                watched.add(namespace)
                return 200, HELD
            return 200, {"metadata": {"resourceVersion": "1"}, "items": []}

        return answer

    config = replace(CONFIG, namespaces=("ml", "films"), leader_elect=False)
    with ApiServer() as server:
        serve_scriptmodels(server)
        server.answers |= {f"{api}/{each}/{PLURAL}": answers(each) for each in config.namespaces}
        file = kubeconfig(tmp_path / "config", cluster={"server": server.url("")}, user={"token": server.valid})
        async with asyncio.timeout(DEADLINE):
            running = asyncio.create_task(run(replace(config, kubeconfig=file)))
            while not watched:
                await asyncio.sleep(0.01)
            assert watched == {"ml"}
            assert "films" in caplog.text
            admitted.set()
            while "films" not in watched:
                await asyncio.sleep(0.01)
            os.kill(os.getpid(), signal.SIGTERM)
            await running


async def lost() -> None:
    raise LeadershipLostError("somebody else leads")


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


async def _raised(error: Exception) -> None:
    raise error
