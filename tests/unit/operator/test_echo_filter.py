"""The watch without the echoes of our own writes."""

import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from scriptmodel_operator.kube import object_store as store_module
from scriptmodel_operator.kube.kopf_patches.echo_filter import EchoFilter
from scriptmodel_operator.kube.object_store import RESTORED_SECONDS, News, Store


def line(kind: str, version: int, **metadata: Any) -> bytes:
    """An event as the API server writes it: without spaces, keys sorted."""
    known = {"name": "jon", "namespace": "ml", "generation": 1, "resourceVersion": str(version), "uid": "u-1"}
    found = {"metadata": {**known, **metadata}, "spec": {}, "status": {}}
    text = json.dumps(found, sort_keys=True, separators=(",", ":"))
    return f'{{"type":"{kind}","object":{text}}}\n'.encode()


def version(number: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line("MODIFIED", number))["object"]
    return found


async def brought(echoes: EchoFilter, *pieces: bytes) -> bytes:
    async def watch() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return b"".join([piece async for piece in echoes.filtered(watch())])


async def test_only_the_event_of_our_own_write_is_dropped_and_only_once() -> None:
    echoes = EchoFilter()
    echoes.expect(7)
    others = line("MODIFIED", 6), line("ADDED", 8), line("MODIFIED", 77), b'{"type":"BOOKMARK","object":{}}\n'
    assert await brought(echoes, others[0] + line("MODIFIED", 7), *others[1:]) == b"".join(others)
    assert await brought(echoes, line("MODIFIED", 7)) == line("MODIFIED", 7)


async def test_other_events_with_that_version_and_lookalikes_pass() -> None:
    echoes = EchoFilter()
    echoes.expect(7)
    note = {"note": '"resourceVersion":"7","uid":"'}
    news = line("DELETED", 7) + line("ADDED", 7) + line("MODIFIED", 9, annotations=note)
    assert await brought(echoes, news) == news


async def test_lines_are_complete_however_the_bytes_are_split() -> None:
    echoes = EchoFilter()
    content = b"".join(line("MODIFIED", version) for version in (1, 2, 3)) + b'{"type":"ERROR"'
    kept = content.replace(line("MODIFIED", 2), b"")
    for size in (1, 10, 150, len(content)):
        echoes.expect(2)
        pieces = [content[start : start + size] for start in range(0, len(content), size)]
        assert await brought(echoes, *pieces) == kept


async def test_expected_events_that_never_arrive_are_forgotten() -> None:
    echoes = EchoFilter()
    for version in range(10_000):
        echoes.expect(version)
    assert await brought(echoes, line("MODIFIED", 1), line("MODIFIED", 9_999)) == line("MODIFIED", 1)


async def test_an_event_is_expected_only_if_it_has_not_arrived_before_the_answer() -> None:
    echoes = EchoFilter()
    store = Store(echoes)
    store.put(version(1))
    store.refresh(version(2))
    store.put(version(3))
    store.refresh(version(3))
    assert await brought(echoes, line("MODIFIED", 2) + line("MODIFIED", 3)) == line("MODIFIED", 3)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = time.monotonic()

    def pass_by(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(store_module.time, "monotonic", lambda: now)
    return pass_by


@pytest.mark.parametrize("answer", [False, True], ids=["a list", "an answer"])
async def test_older_versions_replace_those_that_a_restored_etcd_does_not_have(
    later: Callable[[float], None], answer: bool
) -> None:
    store = Store(echoes := EchoFilter())
    store.put(version(1000))
    store.refresh(version(1001))
    later(RESTORED_SECONDS)
    assert (store.refresh(version(7)) if answer else store.put(version(7), current=True)) is not News.NONE
    assert store.put(version(8)) is not News.NONE
    assert await brought(echoes, line("MODIFIED", 1001)) == line("MODIFIED", 1001), "somebody else's by now"


def test_a_late_event_and_a_list_that_was_made_before_the_newest_write_replace_nothing(
    later: Callable[[float], None],
) -> None:
    store = Store(EchoFilter())
    store.put(version(1000))
    assert store.put(version(7), current=True) is News.NONE
    later(RESTORED_SECONDS)
    assert store.put(version(7)) is News.NONE
    assert store.put(version(1000), current=True) is News.NONE
