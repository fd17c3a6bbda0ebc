"""The cache of objects: which versions replace which."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from scriptmodel_operator.kube import object_store as store_module
from scriptmodel_operator.kube.object_store import RESTORED_SECONDS, News, Store


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


def test_a_late_event_and_a_list_that_was_made_before_the_newest_write_replace_nothing(
    later: Callable[[float], None],
) -> None:
    store = Store()
    store.put(version(1000))
    assert store.put(version(7), current=True) is News.NONE
    later(RESTORED_SECONDS)
    assert store.put(version(7)) is News.NONE
    assert store.put(version(1000), current=True) is News.NONE
