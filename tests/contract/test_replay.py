"""Which states of a recording a replay can miss between two polls, and which not."""

import pytest

from localpach.pps.workers import STARTUP_SECONDS
from tests.contract.replay import with_missed

RAN = {"started": "2026-01-01T00:00:00Z", "finished": "2026-01-01T00:00:01Z"}
NEVER_RAN = {"started": "2026-01-01T00:00:00Z", "finished": "2026-01-01T00:00:00Z"}
JOB = ["JOB_RUNNING", "JOB_SUCCESS"]
PIPELINE = ["PIPELINE_STARTING", "PIPELINE_RUNNING"]
LONG = STARTUP_SECONDS + 0.1


def test_a_job_that_polls_found_finished_was_running_if_it_took_time() -> None:
    assert with_missed(JOB[1:], JOB, RAN, 0.0) == JOB
    assert with_missed(JOB[1:], JOB, NEVER_RAN, LONG) == JOB[1:]
    assert with_missed([], JOB, {"started": RAN["started"]}, LONG) == []


def test_the_start_of_a_pipeline_can_be_missed_by_polls_that_are_far_apart_only() -> None:
    assert with_missed(PIPELINE[1:], PIPELINE, {}, LONG) == PIPELINE
    assert with_missed(PIPELINE[1:], PIPELINE, {}, STARTUP_SECONDS) == PIPELINE[1:]


@pytest.mark.parametrize(
    "seen", [["JOB_UNRUNNABLE"], ["JOB_SUCCESS", "JOB_RUNNING"], ["JOB_RUNNING", "JOB_FAILURE"], JOB[:1]]
)
def test_states_that_are_not_recorded_or_in_another_order_are_differences(seen: list[str]) -> None:
    assert with_missed(seen, JOB, RAN, LONG) == seen
