"""Restarts of a training: the status, the event, the metrics, and what an update may interrupt."""

import itertools
import json
from collections.abc import Mapping
from typing import Any, cast

import pytest

from scriptmodel_cli.screen import line_of
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.status import ResumedAt, TrainingStatus
from scriptmodel_operator.controller.event_policy import record_status
from scriptmodel_operator.engine.values import LogLine, PipelineState
from scriptmodel_operator.kube.events import EventRecorder
from scriptmodel_operator.observe.progress import LogDigest, read_line
from tests.unit.operator.fake_kube import Recorder
from tests.unit.operator.terminal import as_object
from tests.unit.operator.world import PLAYS, World, scriptmodel

START = {"event": "start", "epochs": 40, "state": True}
RESUMED = {"event": "resumed", "epoch": 3, "share": 0.42, "restarts": 2}
STOPPED = {
    "event": "error",
    "code": 143,
    "message": "stopped in epoch 13 at 55%",
    "hint": "state saved: repeat the command to continue",
}
HALFWAY = {"event": "progress", "epoch": 13, "epochs": 40, "fraction": 0.55}


def resumed(epoch: int, share: str, restarts: int) -> TrainingStatus:
    return TrainingStatus(restarts=restarts, resumed_at=ResumedAt(epoch=epoch, share=share))


def lines(*events: Mapping[str, object]) -> list[str]:
    return [json.dumps({"time": 0, **event}) for event in events]


def digest(*events: Mapping[str, object]) -> LogDigest:
    found = LogDigest()
    for line in lines(*events):
        found = read_line(found, LogLine(line))
    return found


def running(*events: Mapping[str, object], claim: str = "checkpoints") -> World:
    """Return a world whose train job runs and has logged `events`."""
    world = World(claim=claim)
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    world.train_with(lines(*events))
    world.written()
    return world


def training(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.model.status["training"]
    return found


def test_a_restart_continues_the_progress_in_the_log() -> None:
    found = digest(START, RESUMED)
    assert found.resumed == resumed(3, "0.42", 2)
    assert (found.progress.epoch, found.progress.percent) == (3, 6)
    again = {**START, "resumed_from": 3}
    assert digest(START, RESUMED, again).resumed == found.resumed, "an attempt that has just started"
    assert digest(START, RESUMED, START).resumed is None, "an attempt from the first epoch"


def test_status_and_message_report_a_restart() -> None:
    world = running(START, RESUMED)
    found = training(world)
    assert (found["restarts"], found["resumedAt"]) == (2, {"epoch": 3, "share": "0.42"})
    assert world.condition("Trained")["message"] == "epoch 3 of 40; resumed at 42% of epoch 3 (restart 2)"
    assert "6%  epoch 3/40  restarted 2x" in line_of(as_object(world))


def test_a_worker_that_was_stopped_promises_no_saved_state() -> None:
    world = running(START, HALFWAY, STOPPED)
    assert world.condition("Trained")["message"] == "the worker stopped in epoch 13 at 55%, and another one starts"
    assert "state saved" not in str(world.model.status)
    world.pachyderm.set_state(world.train, PipelineState.RUNNING, "waits in queue gpus")
    world.reconcile()
    assert "and another one waits (in queue gpus)" in world.condition("Trained")["message"]


def test_an_operator_that_starts_again_keeps_what_the_log_no_longer_has() -> None:
    world = running(START, RESUMED)
    before = training(world)
    world.pachyderm.logs.clear()
    world.__post_init__()
    world.reconcile()
    assert {key: training(world)[key] for key in ("restarts", "resumedAt")} == {
        key: before[key] for key in ("restarts", "resumedAt")
    }


@pytest.mark.parametrize(("restarts", "expected"), [(3, 3), (0, 2), (None, 2)])
def test_the_finished_model_has_the_final_figures(restarts: int | None, expected: int | None) -> None:
    world = running(START, RESUMED)
    world.pachyderm.metrics.update({} if restarts is None else {"restarts": restarts})
    world.pachyderm.succeed(world.train)
    world.reconcile()
    found = training(world)
    assert found.get("restarts") == expected
    assert ("resumedAt" in found) == (restarts != 3), "where the third continued is not known"


def reported(restarts: int | None, epoch: int = 1, start: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
    resumed = {"restarts": restarts, "resumedAt": {"epoch": epoch, "share": "0.50"}}
    return {"conditions": [], "training": {"startTime": start, **(resumed if restarts else {})}}


def test_each_restart_is_one_event() -> None:
    recorder = Recorder()
    events = cast(EventRecorder, recorder)
    statuses = [
        reported(None),
        reported(1),
        reported(1),
        reported(2),
        reported(None),
        reported(1, start="2026-01-02T00:00:00Z"),
    ]
    unseen = reported(2, start="2026-01-02T00:00:00Z")  # the log was not read before the job ended
    del unseen["training"]["resumedAt"]
    statuses.append(unseen)
    for before, now in itertools.pairwise(statuses):
        record_status(events, scriptmodel(status=before), now)
    assert recorder.reasons == [Reason.RESUMED] * 4
    notes = list(recorder.events.values())
    assert (notes[0], notes[-1]) == (
        "training resumed at 50% of epoch 1 (restart 1)",
        "training resumed (restart 2)",
    )
