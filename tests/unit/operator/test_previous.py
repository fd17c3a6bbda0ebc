"""The values that the operator reads back from the previous status."""

from __future__ import annotations

from scriptmodel_operator.api.previous import parse_status
from scriptmodel_operator.api.status import JobFailure

JOB = "50e97041"


def test_an_empty_status_is_read() -> None:
    previous = parse_status({})
    assert (previous.suspended, previous.history, previous.source) == (False, (), None)
    assert previous.history_of("x").gpu_seconds is None


def test_a_status_is_read() -> None:
    previous = parse_status(
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
