"""The watch by kopf, in a thread of its own, which is opened again or ends with an error, and the cache it fills."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import kopf
import pytest

from scriptmodel_operator.kube import object_store as store_module
from scriptmodel_operator.kube import watch as module
from scriptmodel_operator.kube.object_store import RESTORED_SECONDS, News, Store
from scriptmodel_operator.kube.watch import Watch, settings
from tests.unit.operator.api_server import DEADLINE, ApiServer, serve_scriptmodels


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as found:
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


def version(number: int) -> dict[str, Any]:
    known = {"name": "jon", "namespace": "ml", "generation": 1, "resourceVersion": str(number), "uid": "u-1"}
    return {"metadata": known, "spec": {}, "status": {}}


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = time.monotonic()

    def pass_by(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(store_module.time, "monotonic", lambda: now)
    return pass_by


def test_the_event_of_ones_own_write_is_no_news_before_or_after_its_answer() -> None:
    store = Store()
    store.put(version(1))
    assert (store.refresh(version(2)), store.put(version(2))) == (News.WRITTEN, News.NONE)
    assert (store.put(version(3)), store.refresh(version(3))) == (News.WRITTEN, News.NONE)


@pytest.mark.parametrize("answer", [False, True], ids=["a list", "an answer"])
def test_older_versions_replace_those_that_a_restored_etcd_does_not_have(
    later: Callable[[float], None], answer: bool
) -> None:
    store = Store()
    store.put(version(1000))
    store.refresh(version(1001))
    later(RESTORED_SECONDS)
    assert (store.refresh(version(7)) if answer else store.put(version(7), current=True)) is not News.NONE
    assert store.put(version(8)) is not News.NONE


def test_a_late_event_and_a_list_before_the_newest_write_replace_nothing(later: Callable[[float], None]) -> None:
    store = Store()
    store.put(version(1000))
    assert store.put(version(7), current=True) is News.NONE
    later(RESTORED_SECONDS)
    assert store.put(version(7)) is News.NONE
    assert store.put(version(1000), current=True) is News.NONE


def test_a_changed_spec_is_news_and_an_older_version_or_another_object_is_not() -> None:
    store = Store()
    changed, other = version(7), version(7)
    changed["metadata"] |= {"generation": 2}
    changed["spec"] = {"pachyderm": {"project": "team"}}
    other["metadata"] |= {"uid": "u-2"}
    found = [store.put(each) for each in (version(5), version(5), version(4), version(6), changed)]
    assert found == [News.REQUESTED, News.NONE, News.NONE, News.WRITTEN, News.REQUESTED]
    assert store.projects() == {"team"}
    assert store.remove(other) is False
    assert len(store) == 1
