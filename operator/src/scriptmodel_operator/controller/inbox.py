"""Delivers what the watch brings to the store and the queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scriptmodel_operator.controller.queue import WorkQueue
from scriptmodel_operator.kube.store import News, Store, key_of

CORRECTION_SECONDS = 1.0
"""Delay before a status that somebody else wrote is corrected."""


def arrived(store: Store, queue: WorkQueue, raw: Mapping[str, Any], *, listed: bool = False) -> None:
    """Store a version of an object, and queue the object if there is something to do."""
    key = key_of(raw)
    news = store.put(raw, current=listed)
    # A status that is written during a reconcile is that reconcile's own. Any other was written by somebody else
    # and is corrected, but not at once: two operators would otherwise answer each other as fast as they can.
    if news is News.REQUESTED:
        queue.add(key)
    elif news is News.WRITTEN and not queue.is_processing(key):
        queue.add_after(key, CORRECTION_SECONDS)


def deleted(store: Store, queue: WorkQueue, raw: Mapping[str, Any]) -> None:
    """Forget an object that no longer exists, here and in the controller."""
    if store.remove(raw):
        queue.forget(key_of(raw))
        queue.add(key_of(raw))
