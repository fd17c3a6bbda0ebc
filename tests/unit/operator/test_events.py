"""Events: which transitions cause one; sent in order, repeated after an error, bounded, drained at the end."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from scriptmodel_operator.act.actions import StartPipeline, StopJob
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.controller.event_policy import record_actions, record_status
from scriptmodel_operator.engine.values import JobRef, PipelineRef
from scriptmodel_operator.kube import events
from scriptmodel_operator.kube.errors import KubeError, KubeForbiddenError, KubeUnavailableError
from scriptmodel_operator.kube.events import BURST, EventRecorder
from tests.unit.operator.fake_kube import UnexpectedKube
from tests.unit.operator.odd_text import HOSTILE, SHOWN
from tests.unit.operator.recording import Recorder
from tests.unit.operator.world import PLAYS, World, scriptmodel, trained_world


@dataclass
class Server(UnexpectedKube):
    """Accepts events, unless `fault` has an error for the note of one."""

    fault: Callable[[str], Exception | None] = lambda _note: None
    names: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    omitted: int = 0

    async def create_event(self, _namespace: str, body: Mapping[str, Any]) -> None:
        if error := self.fault(body["message"]):
            raise error
        self.names.append(body["metadata"]["name"])
        self.notes.append(body["message"])

    def omit(self) -> None:
        self.omitted += 1


def record(recorder: EventRecorder, *notes: str) -> None:
    for note in notes:
        recorder.record(scriptmodel(), Reason.TRAINING, note, warning=False, occasion=note)


@asynccontextmanager
async def recording(server: Server) -> AsyncIterator[EventRecorder]:
    recorder = EventRecorder(server, server.omit)
    sending = asyncio.create_task(recorder.run())
    try:
        yield recorder
        await recorder.drain()
    finally:
        sending.cancel()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "FIRST_RETRY_SECONDS", 0.001)


async def test_events_are_sent_in_order_and_again_after_an_error() -> None:
    faults = iter([KubeUnavailableError("writing", status, "injected") for status in (500, 429, 0)])
    server = Server(fault=lambda note: next(faults, None) if note == "one" else None)
    async with recording(server) as recorder:
        record(recorder, "one", "two")
    assert (server.notes, server.omitted) == (["one", "two"], 0)


async def test_an_event_is_one_line_that_no_terminal_obeys() -> None:
    async with recording(server := Server()) as recorder:
        record(recorder, HOSTILE)
    assert server.notes[0].startswith(SHOWN)
    assert server.notes[0].rstrip("…").isprintable()


@pytest.mark.parametrize(
    "error",
    [KubeForbiddenError("writing", 403, ""), KubeUnavailableError("writing", 500, ""), RuntimeError("unexpected")],
)
async def test_an_event_that_is_never_accepted_is_dropped_and_counted(error: KubeError) -> None:
    server = Server(fault=lambda note: error if note == "one" else None)
    async with recording(server) as recorder:
        record(recorder, "one", "two")
    assert (server.notes, server.omitted) == (["two"], 1)


async def test_what_finds_the_queue_full_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MAX_WAITING", 2)
    server = Server()
    async with recording(server) as recorder:
        record(recorder, "one", "two", "three")
    assert (server.notes, server.omitted) == (["one", "two"], 1)


async def test_an_end_does_not_wait_long_for_a_server_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(events, "DRAIN_SECONDS", 0.05)
    monkeypatch.setattr(events, "FIRST_RETRY_SECONDS", 60.0)
    async with recording(Server(fault=lambda _note: KubeUnavailableError("writing", 0, "no answer"))) as recorder:
        record(recorder, "one", "two")
    assert "2 events were not recorded" in caplog.text


async def test_a_burst_is_sent_and_then_an_event_a_second() -> None:
    now, server = 0.0, Server()
    recorder = EventRecorder(server, server.omit, lambda: now)
    record(recorder, *map(str, range(BURST + 1)))
    assert server.omitted == 1
    now = 2.5
    record(recorder, "a", "b", "c")
    assert server.omitted == 2
    recorder.record(scriptmodel(), Reason.TRAINING, "warned", warning=True, occasion="")
    assert server.omitted == 2, "warnings have a rate of their own"


@pytest.mark.parametrize("name", ["thrones", "a" * 253, f"{'a' * 229}.{'b' * 23}", f"{'a' * 229}-{'b' * 23}"])
async def test_an_event_of_an_object_of_any_name_has_a_name_that_the_server_takes(name: str) -> None:
    server = Server()
    async with recording(server) as recorder:
        recorder.record(scriptmodel(name=name), Reason.TRAINING, "note", warning=False, occasion="")
    (sent,) = server.names
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", sent)
    assert len(sent) <= 253


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
