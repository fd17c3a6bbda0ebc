"""Figures in Prometheus' text format. Few enough that a client library would be more than they need.

What concerns one object is made from the store when it is asked for, so it goes with the object.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scriptmodel_operator.kube.store import Store

Labels = tuple[tuple[str, str], ...]
_RETRIES, _LEFT_OUT = "scriptmodel_retries", "scriptmodel_events_left_out"
CONTENT_TYPE = "text/plain; version=0.0.4"


@dataclass
class Metrics:
    """Counters and gauges of this process, thread-safe, and gauges of the objects in the store."""

    store: Store
    _depth: int = 0
    _skew: float | None = None
    """Seconds by which pachd's clock is ahead; None until it was measured."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _counts: Counter[tuple[str, Labels]] = field(
        default_factory=lambda: Counter({(_RETRIES, ()): 0, (_LEFT_OUT, ()): 0})
    )
    """Those without labels are told from the beginning: what begins with 1 has not increased, for Prometheus."""
    _seconds: dict[tuple[str, Labels], float] = field(default_factory=dict)
    _bytes: int = 0

    def reconciled(self, outcome: str, seconds: float) -> None:
        """`outcome` is done or failed."""
        labels = (("outcome", outcome),)
        self._add("scriptmodel_reconciles", labels, seconds)

    def queue_depth(self, depth: int) -> None:
        """Set the number of objects that wait for a worker."""
        self._depth = depth

    def clock_skew(self, seconds: float) -> None:
        """Set the seconds by which pachd's clock is ahead of the operator's."""
        self._skew = seconds

    def retried(self) -> None:
        """A reconcile that failed is to be tried again."""
        self._add(_RETRIES, (), None)

    def event_left_out(self) -> None:
        """There was no room for an event: status alone told of it."""
        self._add(_LEFT_OUT, (), None)

    def called(self, method: str, code: str, seconds: float) -> None:
        """A call to Pachyderm; `code` is gRPC's."""
        self._add("scriptmodel_pachyderm_calls", (("method", method), ("code", code)), seconds)

    def downloaded(self, outcome: str, seconds: float, size: int) -> None:
        """An attempt to fetch a corpus; `outcome` is committed, unchanged or the reason of a failure."""
        self._add("scriptmodel_downloads", (("outcome", outcome),), seconds)
        with self._lock:
            self._bytes += size

    def _add(self, name: str, labels: Labels, seconds: float | None) -> None:
        with self._lock:
            self._counts[name, labels] += 1
            if seconds is not None:
                self._seconds[name, labels] = self._seconds.get((name, labels), 0.0) + seconds

    def render(self) -> str:
        """Everything, sorted by name."""
        with self._lock:
            counts, seconds = dict(self._counts), dict(self._seconds)
        lines = []
        for name in sorted({key[0] for key in counts}):
            lines.append(f"# TYPE {name}_total counter")
            lines += [f"{name}_total{_labels(key[1])} {counts[key]}" for key in sorted(counts) if key[0] == name]
            took = [key for key in sorted(seconds) if key[0] == name]
            lines += [f"# TYPE {name}_seconds_total counter"] if took else []
            lines += [f"{name}_seconds_total{_labels(key[1])} {seconds[key]:.6f}" for key in took]
        lines += ["# TYPE scriptmodel_download_bytes_total counter", f"scriptmodel_download_bytes_total {self._bytes}"]
        lines += ["# TYPE scriptmodel_queue_depth gauge", f"scriptmodel_queue_depth {self._depth}"]
        if (skew := self._skew) is not None:
            name = "scriptmodel_pachyderm_clock_skew_seconds"
            lines += [f"# TYPE {name} gauge", f"{name} {skew:.3f}"]
        lines += self._objects()
        return "\n".join(lines) + "\n"

    def _objects(self) -> list[str]:
        figures: dict[str, list[str]] = {}
        for key in sorted(self.store):
            stored = self.store.get(key)
            if stored is None:
                continue
            labels = _labels((("namespace", key[0]), ("name", key[1])))
            for name, value in _of_object(stored.raw.get("status") or {}):
                figures.setdefault(name, []).append(f"{name}{labels} {value}")
        return [line for name, found in sorted(figures.items()) for line in (f"# TYPE {name} gauge", *found)]


def _of_object(status: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    conditions = {each.get("type"): each.get("status") for each in status.get("conditions") or []}
    for kind in ("Ready", "Stalled"):
        yield f"scriptmodel_{kind.lower()}", "1" if conditions.get(kind) == "True" else "0"
    training = status.get("training") or {}
    found = {
        "scriptmodel_perplexity": (training.get("perplexity") or {}).get("best"),
        "scriptmodel_progress_percent": training.get("progressPercent"),
        "scriptmodel_gpu_seconds": training.get("gpuSeconds"),
    }
    yield from ((name, str(value)) for name, value in found.items() if value is not None)


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    escaped = ((name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for name, value in labels)
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}"
