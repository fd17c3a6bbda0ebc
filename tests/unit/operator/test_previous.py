"""The previous status, as the operator reads it back."""

from typing import Any

from scriptmodel_operator.api.objects import parse_object
from scriptmodel_operator.api.status import JobFailure, ScriptModelStatus

JOB = "50e97041"


def previous_of(status: dict[str, Any]) -> ScriptModelStatus:
    metadata = {"namespace": "ml", "name": "thrones", "uid": "1"}
    return parse_object({"metadata": metadata, "spec": {"corpus": {}}, "status": status}).previous


def test_an_empty_status_is_read() -> None:
    previous = previous_of({"training": None})
    assert (previous.suspended, previous.history, previous.download) == (None, [], None)
    assert previous.history_of("x").gpu_seconds is None


def test_a_status_is_read() -> None:
    previous = previous_of(
        {
            "lastHandledReconcileAt": "now",
            "suspended": True,
            "training": {"failure": {"job": JOB, "cause": "the corpus has no words"}},
            "history": [{"modelCommit": "a", "gpuSeconds": 7}],
        }
    )
    assert previous.suspended
    assert previous.last_handled_reconcile_at == "now"
    assert previous.training.failure == JobFailure(job=JOB, cause="the corpus has no words")
    assert previous.history_of("a").gpu_seconds == 7
