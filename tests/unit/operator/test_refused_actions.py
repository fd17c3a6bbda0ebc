"""The controller with objects that are refused, suspended, or made on another engine."""

import time

import pytest

from scriptmodel_operator.api.identity import ENGINE, RECONCILE_AT
from scriptmodel_operator.controller.queue import RetryError
from scriptmodel_operator.engine.errors import EngineError, RefusedError, UnavailableError
from tests.unit.operator.controlling import (
    KEY,
    PLAYS_BRANCH,
    FakeKube,
    RecordingQueue,
    controller,
    edit,
    message,
    raw_object,
    reason,
    settled,
    settled_controller,
)
from tests.unit.operator.world import PLAYS, SPEC


def corpus_ready(kube: FakeKube) -> tuple[str, str]:
    conditions = {each["type"]: each for each in kube.raw["status"]["conditions"]}
    return conditions["CorpusReady"]["status"], conditions["CorpusReady"]["reason"]


async def test_an_existing_corpus_is_reported_although_the_pipelines_are_refused() -> None:
    async with controller(raw_object(SPEC)) as (found, kube, pachyderm):
        await settled(found)
        assert corpus_ready(kube) == ("False", "CorpusNotFound")
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        pachyderm.pipeline_limit = 1
        edit(found, kube, annotations={RECONCILE_AT: "now"})
        with pytest.raises(RetryError):
            await settled(found)
        assert reason(kube) == "PipelineLimit"
        assert corpus_ready(kube) == ("True", "CorpusFound")


async def test_a_poll_that_fails_inside_pachyderm_is_not_a_refusal_of_the_spec() -> None:
    async with controller(raw_object(SPEC)) as (found, kube, pachyderm):
        error = RefusedError("listing projects", "failed to connect to the database", "UNKNOWN")
        pachyderm.fault = lambda call: error if call == "list_projects" else None
        queue = found.reconciler.reporter.queue
        assert isinstance(queue, RecordingQueue)
        queue.failed = 100
        with pytest.raises(RetryError):
            await settled(found)
        conditions = {each["type"]: each for each in kube.raw["status"]["conditions"]}
        assert (reason(kube), conditions["Stalled"]["status"]) == ("EngineUnavailable", "False")
        assert "failed to connect to the database" in conditions["Ready"]["message"]


async def test_an_object_that_is_refused_can_be_suspended_and_resumed() -> None:
    refused = {**SPEC, "training": {"priorityClassName": "high"}}
    async with settled_controller() as (found, kube, pachyderm):
        edit(found, kube, {**refused, "suspend": True})
        await settled(found)
        assert all(versions[-1].stopped for versions in pachyderm.pipelines.values())
        assert reason(kube) == "NotAllowed"
        edit(found, kube, refused)
        await settled(found)
        assert all(versions[-1].stopped for versions in pachyderm.pipelines.values())
        edit(found, kube, SPEC)
        await settled(found)
        assert reason(kube) == "WaitingForWorker"
        assert not any(versions[-1].stopped for versions in pachyderm.pipelines.values())


async def test_a_suspended_object_is_stopped_though_its_results_cannot_be_read() -> None:
    async with settled_controller() as (found, kube, pachyderm):
        for ref in list(pachyderm.pipelines):
            pachyderm.succeed(ref)
        pachyderm.fault = lambda call: UnavailableError(call, "lost") if call == "read_file" else None
        edit(found, kube, {**SPEC, "suspend": True})
        with pytest.raises(RetryError):
            await settled(found)
        assert all(versions[-1].stopped for versions in pachyderm.pipelines.values())


async def test_another_engine_is_reported_and_left_alone_until_the_record_is_removed() -> None:
    async with settled_controller() as (found, kube, pachyderm):
        assert kube.raw["metadata"]["annotations"] == {ENGINE: "localpach/a"}
        assert kube.writes == ["finalizers", "status"], "the record and the finalizer are one write"
        made = dict(pachyderm.pipelines)
        pachyderm.fault = lambda call: UnavailableError(call, "gone")
        with pytest.raises(EngineError):
            await found.snapshots.latest(time.monotonic())
        with pytest.raises(RetryError):
            await found.reconciler.reconcile(KEY)
        assert message(kube).startswith("localpach does not answer (list_projects: gone): check that localpach runs")
        pachyderm.fault = lambda _call: None
        pachyderm.engine_id = "pachyderm/b"
        pachyderm.pipelines.clear()
        pachyderm.calls.clear()
        await found.snapshots.latest(time.monotonic())
        with pytest.raises(RetryError):
            await found.reconciler.reconcile(KEY)
        assert (reason(kube), pachyderm.calls) == ("OtherEngine", [])
        words = "its steps were made on localpach a, but the operator is connected to Pachyderm b, where nothing is"
        assert message(kube).startswith(words)
        assert b'scriptmodel_other_engine{name="thrones",namespace="ml"} 1.0' in found.reconciler.metrics.render()

        pachyderm.pipelines.update(made)  # as in a copy of the other engine
        edit(found, kube, deletionTimestamp="now", generation=2)
        with pytest.raises(RetryError):
            await found.reconciler.reconcile(KEY)
        assert (reason(kube), pachyderm.calls) == ("OtherEngine", [])


async def test_an_engine_that_changes_after_the_snapshot_is_noticed_before_the_action() -> None:
    async with controller(raw_object(SPEC, annotations={ENGINE: "localpach/a"})) as (found, kube, pachyderm):
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        await found.snapshots.latest(time.monotonic())
        pachyderm.engine_id = "pachyderm/b"
        pachyderm.calls.clear()
        with pytest.raises(RetryError):
            await found.reconciler.reconcile(KEY)
        assert (reason(kube), pachyderm.calls) == ("OtherEngine", [])
        edit(found, kube, annotations={})
        await settled(found)
        assert kube.raw["metadata"]["annotations"] == {ENGINE: "pachyderm/b"}
        assert len(pachyderm.pipelines) == 2
