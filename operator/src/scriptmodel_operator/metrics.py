"""The metrics of this process and of the objects in its store, in Prometheus' text format."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics import disable_created_metrics
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from scriptmodel_operator.api.conditions import conditions_of
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.jobs.runs import AttemptState
from scriptmodel_operator.kube.object_store import Store
from scriptmodel_operator.search.declared import best_trial

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_FIGURES = {
    "scriptmodel_perplexity": "training.perplexity.best",
    "scriptmodel_progress_percent": "training.progressPercent",
    "scriptmodel_gpu_seconds": "training.gpuSeconds",
    "scriptmodel_training_restarts": "training.restarts",
    "scriptmodel_search_trials": "search.trials.total",
    "scriptmodel_search_trials_complete": "search.trials.complete",
    "scriptmodel_search_trials_failed": "search.trials.failed",
}
"""Gauges of an object by the path of their figure in its status."""
_BEST = "scriptmodel_search_best_perplexity"
_OBJECT_GAUGES = {
    "scriptmodel_ready": "1 if the Ready condition of the ScriptModel is True, else 0",
    "scriptmodel_stalled": "1 if the Stalled condition of the ScriptModel is True, else 0",
    **{name: f"status.{path} of the ScriptModel" for name, path in _FIGURES.items()},
    "scriptmodel_other_engine": "1 if the ScriptModel's pipelines are on another Pachyderm than the operator's, else 0",
    _BEST: "Perplexity of the best trial in status.search.top of the ScriptModel",
}

disable_created_metrics()  # type: ignore[no-untyped-call]  # the library does not annotate it


class Metrics(Collector):
    """Counters, histograms and gauges of this process, thread-safe, and gauges of the objects in the store."""

    def __init__(self, store: Store) -> None:
        self._registry = registry = CollectorRegistry()
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        histogram = partial(Histogram, buckets=_BUCKETS, registry=registry)
        self.reconcile_duration = histogram(
            "scriptmodel_reconcile_duration_seconds", "Duration of a reconcile", ["outcome"]
        )
        """`outcome` is done or failed."""
        self.retries = counter("scriptmodel_retries", "Reconciles that failed and are retried")
        self.events_left_out = counter(
            "scriptmodel_events_left_out", "Events dropped, whose content only the status has"
        )
        self.queue_depth = gauge("scriptmodel_queue_depth", "ScriptModels that wait for a worker")
        self._calls = counter("scriptmodel_engine_calls", "Calls to the engine", ["service", "method", "code"])
        self._call_duration = histogram(
            "scriptmodel_engine_call_duration_seconds", "Duration of a call to the engine", ["service", "method"]
        )
        self._attempts = counter("scriptmodel_attempts", "Attempts at runs, which are Jobs", ["state"])
        for state in ("started", *(each.value for each in AttemptState if each.ended)):
            self._attempts.labels(state)  # an increase needs a figure before it
        self._pachyderm = gauge(
            "scriptmodel_pachyderm_info",
            "1 for the version of the API of pachd or localpach; certified is yes, no, newer or too old",
            ["engine", "version", "certified"],
        )
        self._store = store
        registry.register(self)

    def pachyderm_version(self, engine: str, version: str, certified: str) -> None:
        """Set the version of pachd or localpach, in place of an earlier one."""
        self._pachyderm.clear()
        self._pachyderm.labels(engine, version, certified).set(1)

    def called(self, service: str, method: str, code: str, seconds: float) -> None:
        """Count a call to a service of the engine: `pachyderm`, `bucket` or `kubernetes`; `code` is gRPC's."""
        self._calls.labels(service, method, code).inc()
        self._call_duration.labels(service, method).observe(seconds)

    def attempt(self, state: str) -> None:
        """Count an attempt at a run that was started, or has ended."""
        self._attempts.labels(state).inc()

    def render(self) -> bytes:
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """Return the gauges of all objects: read at each scrape, so that they disappear with their object."""
        families = {
            name: GaugeMetricFamily(name, text, labels=["namespace", "name"]) for name, text in _OBJECT_GAUGES.items()
        }
        for key in sorted(self._store):
            stored = self._store.get(key)
            if stored is not None:
                for name, value in _gauges(stored.raw.get("status") or {}):
                    families[name].add_metric(key, value)
        return [family for family in families.values() if family.samples]


def _gauges(status: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    conditions = conditions_of(status)
    for kind in ("Ready", "Stalled"):
        yield f"scriptmodel_{kind.lower()}", float(conditions.get(kind, {}).get("status") == "True")
    yield "scriptmodel_other_engine", float(conditions.get("Ready", {}).get("reason") == Reason.OTHER_ENGINE)
    if best := best_trial(status.get("search") or {}).get("perplexity"):
        yield _BEST, float(best)
    for name, path in _FIGURES.items():
        value: Any = status
        for key in path.split("."):
            value = (value or {}).get(key)
        if value is not None:
            yield name, float(value)
