"""The watch by kopf, in a thread of its own: a deaf one is opened again, and one that kopf gives up is an error."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import kopf
import pytest

from scriptmodel_operator.kube import watch as module
from scriptmodel_operator.kube.watch import Watch, settings
from tests.unit.operator.api_server import DEADLINE, ApiServer, api_server, serve_scriptmodels


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with api_server() as found:
        serve_scriptmodels(found)
        yield found


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def watches(server: ApiServer) -> int:
    return sum("watch=" in path for _, path, _ in server.requested)


def watching(server: ApiServer) -> Watch:
    def deliver(*_: object, **__: object) -> None:
        """Receive nothing: there is no ScriptModel."""

    return Watch(server.credentials(), (), deliver, deliver)


def test_a_deaf_watch_is_found_within_two_minutes_and_opened_again(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = settings()
    assert usual.watching.inactivity_timeout + (usual.networking.request_timeout or 1000) < 120

    def impatient() -> kopf.OperatorSettings:
        found = settings()
        found.watching.inactivity_timeout = 0.2
        return found

    monkeypatch.setattr(module, "settings", impatient)
    with ThreadPoolExecutor(1) as thread:
        watch = watching(server)
        running = thread.submit(watch.run)
        try:
            until(lambda: watches(server) >= 3)
        finally:
            watch.stop()
        running.result(DEADLINE)


def test_a_watch_without_its_definition_ends_with_an_error(server: ApiServer) -> None:
    serve_scriptmodels(
        server, lambda: (404, {"kind": "Status", "message": "the server could not find the requested resource"})
    )
    with ThreadPoolExecutor(1) as thread, pytest.raises(Exception, match="could not find"):
        thread.submit(watching(server).run).result(DEADLINE)


@pytest.mark.parametrize("started", [False, True])
def test_it_ends_when_it_is_stopped_before_and_after_its_start(server: ApiServer, started: bool) -> None:
    watch = watching(server)
    if not started:
        watch.stop()
    running = threading.Thread(target=watch.run, daemon=True)
    running.start()
    if started:
        try:
            until(lambda: watches(server) == 1)
        finally:
            watch.stop()
    running.join(DEADLINE)
    assert not running.is_alive()
    assert watches(server) == started


def test_an_invalid_annotation_of_another_kopf_operator_is_not_read() -> None:
    body = kopf.Body({"metadata": {"annotations": {"kopf.zalando.org/last-handled-configuration": "x"}}})
    assert settings().persistence.diffbase_storage.fetch(body=body) is None
