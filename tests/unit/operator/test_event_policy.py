"""The transitions that cause an event."""

from dataclasses import replace
from typing import Any, cast

import pytest

from scriptmodel_operator.act.actions import StartPipeline, StopJob
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.controller.event_policy import record_actions, record_status
from scriptmodel_operator.engine.values import JobRef, PipelineRef
from scriptmodel_operator.kube.events import EventRecorder
from tests.unit.operator.recording import Recorder
from tests.unit.operator.world import PLAYS, World, scriptmodel, trained_world


def status(
    reason: str, *, ready: bool = False, script: str = "", message: str = "", generation: int = 1, corpus: str = ""
) -> dict[str, Any]:
    condition = {"type": "Ready", "status": str(ready), "reason": reason, "message": message}
    conditions = [{**condition, "observedGeneration": generation}]
    conditions += [{"type": "CorpusReady", "status": "True", "reason": corpus}] if corpus else []
    return {"conditions": conditions, "lineage": {"script": script}}


def events_of(*statuses: dict[str, Any], unheard: bool = False) -> list[str]:
    """Return the events of consecutive statuses; `unheard`: each is recorded twice before the status is written."""
    recorder = Recorder()
    model = scriptmodel()
    for each in statuses:
        for _ in range(2 if unheard else 1):
            record_status(cast(EventRecorder, recorder), model, each)
        model = replace(model, status=each)
    return recorder.reasons


def test_a_reason_that_stays_makes_no_event() -> None:
    assert events_of(status("Training"), status("Training", message="half of it"), status("Generating")) == [
        "Training",
        "Generating",
    ]


def test_each_script_has_an_event_even_if_its_job_was_not_observed() -> None:
    first, second = (status("Generated", ready=True, script=commit) for commit in ("one", "two"))
    assert events_of(first, second, second) == ["Generated", "Generated"]


@pytest.mark.parametrize("ready", [True, False])
def test_after_an_outage_no_earlier_event_is_repeated(*, ready: bool) -> None:
    there, away = status("Generated" if ready else "Training", ready=ready), status("EngineUnavailable")
    first = str(there["conditions"][0]["reason"])
    back = {**there, "conditions": [{**there["conditions"][0], "message": "later"}]}
    assert events_of(there, away, back, away) == [first, "EngineUnavailable", "EngineUnavailable"]


def test_a_suspension_that_an_outage_delayed_is_an_event() -> None:
    """The call that stops a pipeline met the outage, so the object was not suspended before it."""
    running, stopped = ({"pipelines": [{"name": "train", "state": state}]} for state in ("STANDBY", "PAUSED"))
    there, suspended = status("Generated", ready=True), {**status("Suspended"), **stopped}
    away = status("EngineUnavailable")
    delayed = events_of(there, {**away, **running}, suspended)
    assert delayed == ["Generated", "EngineUnavailable", "Suspended"]
    repeated = events_of(suspended, {**away, **stopped}, suspended)
    assert repeated == ["Suspended", "EngineUnavailable"]


def test_after_a_resume_only_a_new_script_is_an_event() -> None:
    first, second = (status("Generated", ready=True, script=commit) for commit in ("one", "two"))
    suspended = status("Suspended", script="one")
    assert events_of(first, suspended, first, second) == ["Generated", "Suspended", "Generated"]
    assert events_of(first, suspended, status("Training", script="one")) == ["Generated", "Suspended", "Training"]


def test_events_of_an_outage_are_recorded_after_it() -> None:
    there, away = status("Training"), status("EngineUnavailable")
    done = status("Generated", ready=True, script="two")
    assert events_of(there, away, done) == ["Training", "EngineUnavailable", "Generated"]
    failed = status("TrainingFailed")
    failed["conditions"].append({"type": "Stalled", "status": "True"})
    assert events_of(there, away, failed) == ["Training", "EngineUnavailable", "TrainingFailed"]


def test_each_warning_about_a_training_is_an_event_of_its_own_once() -> None:
    one = {**status("Training"), "training": {"warnings": ["no GPU"], "startTime": "t"}}
    two = {**status("Training"), "training": {"warnings": ["no GPU", "disk full"], "startTime": "t"}}
    later = {**status("Generated", ready=True, script="one"), "training": two["training"]}
    assert events_of(one, one, two, two, later) == ["TrainingWarning", "Training", "TrainingWarning", "Generated"]


def test_an_event_whose_status_was_not_written_is_the_same_event_the_next_time() -> None:
    assert events_of(status("Training"), status("Generated", ready=True), unheard=True) == ["Training", "Generated"]


def test_an_error_that_persists_after_a_spec_change_is_recorded_again() -> None:
    for reason, times in (("EngineUnavailable", 2), ("Training", 1)):
        assert events_of(status(reason), status(reason, generation=2)) == [reason] * times


def test_a_failed_poll_of_a_source_is_recorded_once_while_the_object_is_ready() -> None:
    fine = status("Generated", ready=True, script="one", corpus="CorpusFound")
    unsure = status("Generated", ready=True, script="one", corpus="CheckFailed")
    assert events_of(fine, unsure, unsure) == ["Generated", "CheckFailed"]


def test_a_job_that_the_operator_stops_is_recorded_with_the_reason() -> None:
    recorder, job = Recorder(), JobRef(PipelineRef("default", "train"), "1")
    stopping = [StopJob(job, "overtaken"), StartPipeline(job.pipeline)]  # after a suspension
    record_actions(cast(EventRecorder, recorder), scriptmodel(), stopping)
    assert recorder.events == {(Reason.JOB_STOPPED, "1"): "stopping job default/train@1: overtaken"}


def note_of(world: World) -> str:
    """Return what is recorded of what the operator is going to do."""
    recorder = Recorder()
    record_actions(cast(EventRecorder, recorder), world.model, world.assess()[0].actions)
    (note,) = recorder.events.values()
    return note


def test_a_creation_that_pachyderm_may_refuse_is_recorded_as_requested() -> None:
    """Events are written before the status that they belong to."""
    world = World()
    world.pachyderm.put(world.corpus, PLAYS)
    assert note_of(world) == f"asking the engine to create step {world.train}; create step {world.generate}"


def test_an_update_is_recorded_with_its_cause() -> None:
    world = trained_world()
    world.pachyderm.edit(world.generate, tries=7)
    requested = f"update step {world.generate} (somebody else changed it), computing nothing again"
    assert note_of(world) == f"asking the engine to {requested}"
