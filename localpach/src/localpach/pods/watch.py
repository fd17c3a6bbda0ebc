"""Jobs and their pods as the API server reports them, kept by one watch each for all attempts."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from localpach.pods.api import UNREACHABLE, KubernetesApi, message_of

Object = dict[str, Any]
log = logging.getLogger(__name__)

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 30.0
REFUSAL_SECONDS = 10.0
"""How long a reading of events serves all Jobs: the API server reads every event of the namespace for it."""
JOB_NAME = "batch.kubernetes.io/job-name"


class Watch:
    """The Jobs and pods with a label. Nothing is concluded from what is missing before ``synced`` is set."""

    def __init__(self, source: KubernetesApi, selector: str) -> None:
        self._source = source
        self._selector = selector
        self._lock = threading.Lock()
        self._objects: dict[str, dict[str, Object]] = {"jobs": {}, "pods": {}}
        self._listed: set[str] = set()
        self._events: dict[str, set[threading.Event]] = {}
        self._stopping = threading.Event()
        self._refused: tuple[float, dict[str, str]] = (-math.inf, {})
        self._reading = threading.Lock()
        self.synced = threading.Event()

    def start(self) -> None:
        """Start watching."""
        for kind in self._objects:
            threading.Thread(target=self._run, args=(kind,), name=f"watch {kind}", daemon=True).start()

    def stop(self) -> None:
        """Stop watching; a watch in progress ends with its connection."""
        self._stopping.set()

    def job(self, name: str) -> Object | None:
        """Return a Job, or None if there is none."""
        with self._lock:
            return self._objects["jobs"].get(name)

    def job_names(self) -> list[str]:
        """Return the names of all Jobs."""
        with self._lock:
            return list(self._objects["jobs"])

    def pod(self, job: str) -> Object | None:
        """Return the newest pod of a Job, or None."""
        with self._lock:
            found = [pod for pod in self._objects["pods"].values() if _job_of(pod) == job]
        return max(found, key=lambda pod: str(pod["metadata"].get("creationTimestamp")), default=None)

    def refusal(self, job: str) -> str:
        """Return why a Job has no pod; empty if nothing is known. Raises UNREACHABLE."""
        with self._reading:
            read, words = self._refused
            if time.monotonic() - read >= REFUSAL_SECONDS:
                self._refused = (time.monotonic(), words)  # also after an error
                self._refused = (time.monotonic(), self._source.refused_pods())
            return self._refused[1].get(job, "")

    @contextmanager
    def changes(self, job: str, event: threading.Event) -> Iterator[None]:
        """Set an event at each change of a Job or its pods."""
        with self._lock:
            self._events.setdefault(job, set()).add(event)
        try:
            yield
        finally:
            with self._lock:
                self._events[job].discard(event)
                if not self._events[job]:
                    del self._events[job]

    def _run(self, kind: str) -> None:
        wait = FIRST_WAIT_SECONDS
        while not self._stopping.is_set():
            try:
                version = self._list(kind)
                wait = FIRST_WAIT_SECONDS
                self._follow(kind, version)
            except UNREACHABLE as error:
                log.warning("cannot watch %s, trying again in %.1f s: %s", kind, wait, message_of(error))
                self._stopping.wait(wait)
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)
            except Exception:  # a bug must not end the watch
                log.exception("error in the watch of %s", kind)
                self._stopping.wait(LONGEST_WAIT_SECONDS)

    def _list(self, kind: str) -> str:
        found = self._source.list_objects(kind, self._selector)
        objects = {item["metadata"]["name"]: item for item in found.get("items", [])}
        with self._lock:
            before = self._objects[kind]
            self._objects[kind] = objects
            changed = [each for name, each in (before | objects).items() if before.get(name) != objects.get(name)]
            self._listed.add(kind)
            if self._listed == self._objects.keys():
                self.synced.set()
        for each in changed:
            self._notify(kind, each)
        return str(found["metadata"]["resourceVersion"])

    def _follow(self, kind: str, version: str) -> None:
        for change in self._source.watch(kind, self._selector, version):
            if self._stopping.is_set() or change["type"] == "ERROR":  # e.g. 410: the version is too old, list again
                return
            if change["type"] == "BOOKMARK":
                continue
            changed = change["object"]
            with self._lock:
                if change["type"] == "DELETED":
                    self._objects[kind].pop(changed["metadata"]["name"], None)
                else:
                    self._objects[kind][changed["metadata"]["name"]] = changed
            self._notify(kind, changed)

    def _notify(self, kind: str, changed: Object) -> None:
        job = changed["metadata"]["name"] if kind == "jobs" else _job_of(changed)
        with self._lock:
            events = list(self._events.get(job, ()))
        for event in events:
            event.set()


def _job_of(pod: Object) -> str:
    return str(pod["metadata"].get("labels", {}).get(JOB_NAME, ""))
