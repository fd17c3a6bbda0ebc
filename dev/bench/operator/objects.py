"""The objects of the bench, and what a status of the operator's size is."""

from __future__ import annotations

from typing import Any

FINALIZER = "bench.scriptmodel.dev/plain"
GROUP, VERSION, PLURAL = "scriptmodel.dev", "v1alpha1", "scriptmodels"
CORPUS, PLAY = "plays", "ANNA. The river will not leave.\n"
"""The ConfigMap that all read."""
_TIME = "2026-01-01T00:00:00Z"
_MESSAGE = "train job 0123456789abcdef0123456789abcdef waits for a worker"
_CONDITIONS = ("Ready", "Reconciling", "Stalled", "CorpusReady", "Trained", "Generated")


def path(namespace: str, name: str = "") -> str:
    """Return the path of the objects of a namespace, or of one of them."""
    return f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURAL}" + (f"/{name}" if name else "")


def scriptmodel(name: str) -> dict[str, Any]:
    """A ScriptModel as a user would write it; all share one corpus."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "ScriptModel",
        "metadata": {"name": name},
        "spec": {"corpus": {"configMap": {"name": CORPUS}}, "model": {"preset": "small"}},
    }


def pending(found: dict[str, Any]) -> bool:
    """Return whether the status belongs to another spec."""
    return bool((found.get("status") or {}).get("observedGeneration") != found["metadata"]["generation"])


def status_of(generation: int) -> dict[str, Any]:
    """A status as large as the operator's for an object whose training waits for a worker."""
    waiting = {"status": "False", "reason": "WaitingForWorker", "message": _MESSAGE}
    when = {"observedGeneration": generation, "lastTransitionTime": _TIME}
    conditions = [{"type": kind, **waiting, **when} for kind in _CONDITIONS]
    pipelines = [
        {"name": f"bench-00000-01234567-{kind}", "version": 1, "state": "RUNNING"} for kind in ("train", "generate")
    ]
    training = {"startTime": _TIME}
    return {"observedGeneration": generation, "conditions": conditions, "pipelines": pipelines, "training": training}
