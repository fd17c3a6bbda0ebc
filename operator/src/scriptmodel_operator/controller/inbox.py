"""Delivers what the watch brings to the store and the queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scriptmodel_operator.controller.queue import WorkQueue
from scriptmodel_operator.kube.store import News, Store, key_of

CORRECTION_SECONDS = 1.0
"""Delay before a status that somebody else wrote is corrected."""


@dataclass
class Inbox:
    """Stores what the watch brings, and queues an object that its user has changed."""

    store: Store
    queue: WorkQueue

    def arrived(self, raw: Mapping[str, Any]) -> None:
        """Store a version of an object, and queue the object if there is something to do."""
        key = key_of(raw)
        news = self.store.put(raw)
        # A status that is written during a reconcile is that reconcile's own. Any other was written by somebody else
        # and is corrected, but not at once: two operators would otherwise answer each other as fast as they can.
        if news is News.REQUESTED:
            self.queue.add(key)
        elif news is News.WRITTEN and not self.queue.is_processing(key):
            self.queue.add_after(key, CORRECTION_SECONDS)

    def deleted(self, raw: Mapping[str, Any]) -> None:
        """Forget an object that no longer exists."""
        if self.store.remove(raw):
            self.queue.forget(key_of(raw))
