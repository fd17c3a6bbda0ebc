"""Events: which transitions cause one; sent in order, repeated after an error, bounded, drained at the end."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from scriptmodel_operator.act.actions import start_pipeline, stop_job
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.controller.event_policy import record_actions, record_status
from scriptmodel_operator.engine.values import JobRef, PipelineRef
from scriptmodel_operator.kube import events
from scriptmodel_operator.kube.errors import KubeError, KubeForbiddenError, KubeUnavailableError
from scriptmodel_operator.kube.events import BURST, EventRecorder
from tests.unit.operator.fake_kube import Recorder, UnexpectedKube
from tests.unit.operator.world import scriptmodel


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


@pytest.mark.parametrize(
    "error",
    [KubeForbiddenError("writing", 403, ""), KubeUnavailableError("writing", 500, ""), RuntimeError("unexpected")],
)
async def test_an_event_that_is_never_accepted_is_dropped_and_counted(error: KubeError) -> None:
    server = Server(fault=lambda note: error if note == "one" else None)
    async with recording(server) as recorder:
        record(recorder, "one", "two")
    assert (server.notes, server.omitted) == (["two"], 1)


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


STARTED, READY, PAUSED = status("Training"), status("Generated", ready=True), status("Suspended")
FIRST, SECOND = (status("Generated", ready=True, script=commit) for commit in ("one", "two"))
AWAY, SUSPENDED = status("EngineUnavailable"), status("Suspended", script="one")
RUNNING, STOPPED = ({"pipelines": [{"name": "train", "state": state}]} for state in ("STANDBY", "PAUSED"))
FAILED = status("TrainingFailed")
FAILED["conditions"].append({"type": "Stalled", "status": "True"})
WARNED = {"training": {"warnings": ["no GPU"], "startTime": "t"}}
WARNED_AGAIN = {"training": {"warnings": ["no GPU", "disk full"], "startTime": "t"}}


def later(found: dict[str, Any]) -> dict[str, Any]:
    return {**found, "conditions": [{**found["conditions"][0], "message": "later"}]}


OUTAGE = ["EngineUnavailable"]
NEWS: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "a reason that stays": ([STARTED, later(STARTED), status("Generating")], ["Training", "Generating"]),
    "each script": ([FIRST, SECOND, SECOND], ["Generated", "Generated"]),
    "an outage after a script": ([READY, AWAY, later(READY), AWAY], ["Generated", *OUTAGE, *OUTAGE]),
    "an outage of a training": ([STARTED, AWAY, later(STARTED), AWAY], ["Training", *OUTAGE, *OUTAGE]),
    "a delayed suspension": (
        [READY, {**AWAY, **RUNNING}, {**PAUSED, **STOPPED}],
        ["Generated", *OUTAGE, "Suspended"],
    ),
    "an earlier suspension": (
        [{**PAUSED, **STOPPED}, {**AWAY, **STOPPED}, {**PAUSED, **STOPPED}],
        ["Suspended", *OUTAGE],
    ),
    "a new script after a resume": ([FIRST, SUSPENDED, FIRST, SECOND], ["Generated", "Suspended", "Generated"]),
    "a training after one": (
        [FIRST, SUSPENDED, status("Training", script="one")],
        ["Generated", "Suspended", "Training"],
    ),
    "done in an outage": ([STARTED, AWAY, SECOND], ["Training", *OUTAGE, "Generated"]),
    "failed in an outage": ([STARTED, AWAY, FAILED], ["Training", *OUTAGE, "TrainingFailed"]),
    "each warning once": (
        [{**STARTED, **WARNED}] * 2 + [{**STARTED, **WARNED_AGAIN}] * 2 + [{**FIRST, **WARNED_AGAIN}],
        ["TrainingWarning", "Training", "TrainingWarning", "Generated"],
    ),
    "an error after a changed spec": ([AWAY, status("EngineUnavailable", generation=2)], [*OUTAGE, *OUTAGE]),
    "a training after one that changes nothing": ([STARTED, status("Training", generation=2)], ["Training"]),
    "a failed poll of a source": (
        [status("Generated", ready=True, script="one", corpus=each) for each in ("CorpusFound", *["CheckFailed"] * 2)],
        ["Generated", "CheckFailed"],
    ),
}


@pytest.mark.parametrize(("statuses", "events"), NEWS.values(), ids=NEWS)
def test_a_status_makes_an_event_of_each_news_once(statuses: list[dict[str, Any]], events: list[str]) -> None:
    """Each is recorded twice, as if its status had not been written."""
    recorder, model = Recorder(), scriptmodel()
    for each in statuses:
        for _ in range(2):
            record_status(cast(EventRecorder, recorder), model, each)
        model = replace(model, status=each)
    assert recorder.reasons == events


def test_a_job_that_the_operator_stops_is_recorded_with_the_reason() -> None:
    recorder, job = Recorder(), JobRef(PipelineRef("default", "train"), "1")
    stopping = [stop_job(job, "overtaken"), start_pipeline(job.pipeline)]  # after a suspension
    record_actions(cast(EventRecorder, recorder), scriptmodel(), stopping)
    assert recorder.events == {(Reason.JOB_STOPPED, "1"): "stopping job default/train@1: overtaken"}
