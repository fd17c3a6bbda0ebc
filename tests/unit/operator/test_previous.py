"""The values that the operator reads back from the previous status."""

from __future__ import annotations

import pytest

from scriptmodel_operator.api.conditions import ConditionType
from scriptmodel_operator.api.previous import CAUSE_UNKNOWN, failed_job, failure_message, parse_status

JOB = "50e97041"


@pytest.mark.parametrize("what", ["training", "generation"])
@pytest.mark.parametrize("cause", ["the corpus has no words", "two\nlines (job 12345678)", "x failed: y"])
def test_the_message_of_a_failed_job_is_read_back(what: str, cause: str) -> None:
    message = failure_message(what, cause, JOB)
    assert failed_job(message) == JOB


@pytest.mark.parametrize(
    "message",
    [
        "",
        "epoch 3 of 40",
        f"training could not run: no image (job {JOB})",
        failure_message("training", "x", JOB)[:-1],
        failure_message("training", f"no reason given; {CAUSE_UNKNOWN}", JOB),
    ],
)
def test_other_messages_report_no_cause(message: str) -> None:
    assert failed_job(message) == ""


def test_an_empty_status_is_read() -> None:
    previous = parse_status({})
    assert (previous.suspended, previous.history, previous.source, dict(previous.failed)) == (False, (), None, {})
    assert previous.history_of("x").gpu_seconds is None


def test_a_status_is_read() -> None:
    message = failure_message("training", "the corpus has no words", JOB)
    previous = parse_status(
        {
            "lastHandledReconcileAt": "now",
            "suspended": True,
            "conditions": [
                {"type": "Trained", "reason": "TrainingFailed", "message": message},
            ],
            "history": [{"modelCommit": "a", "gpuSeconds": 7}],
        }
    )
    assert previous.suspended
    assert previous.handled_reconcile_at == "now"
    assert previous.failed == {ConditionType.TRAINED: message}
    assert previous.history_of("a").gpu_seconds == 7
