"""The controller with a fake API server: its writes, when it requests the next reconcile, and what is refused."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from scriptmodel_operator.api.identity import ENGINE, RECONCILE_AT
from scriptmodel_operator.controller.queue import RetryError
from scriptmodel_operator.controller.reconciler import MAX_ROUNDS
from scriptmodel_operator.desired.policy import Policy
from scriptmodel_operator.engine.errors import EngineError, RefusedError, UnavailableError
from scriptmodel_operator.engine.values import PipelineApply, PipelineRef
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

URL = "https://example.com/plays.txt"


async def test_the_finalizer_is_set_before_any_pipeline_and_an_idle_object_is_not_written() -> None:
    async with controller(raw_object(SPEC)) as (found, kube, pachyderm):
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        pachyderm.fault = lambda call: UnavailableError(call, "gone") if call == "apply_pipelines" else None
        with pytest.raises(RetryError):
            await found.reconciler.reconcile(KEY)
        await found.events.drain()
        assert (kube.writes, kube.events) == (["finalizers", "status"], ["Creating", "EngineUnavailable"])
        pachyderm.fault = lambda _call: None
        assert await settled(found) == 300, "pendingDeadline: a change requeues it earlier"
        await found.events.drain()
        assert (kube.writes[2:], kube.events[2:]) == (["status", "status"], ["WaitingForWorker"]), (
            "one event and one status for each change"
        )
        for ref in list(pachyderm.pipelines):
            pachyderm.succeed(ref)
        await found.snapshots.latest(time.monotonic())
        assert await found.reconciler.reconcile(KEY) is None
        assert reason(kube) == "Generated"
        written = list(kube.writes)
        assert await found.reconciler.reconcile(KEY) is None
        assert kube.writes == written


async def test_nothing_is_made_for_an_object_that_is_deleted_while_pachyderm_is_read() -> None:
    async with controller(raw := raw_object(SPEC)) as (found, _kube, pachyderm):
        pachyderm.put(PLAYS_BRANCH, PLAYS)

        def read(_call: str) -> None:
            found.reconciler.store.remove(raw)

        pachyderm.fault = read
        assert await found.reconciler.reconcile(KEY) is None
        assert pachyderm.pipelines == {}


async def test_the_scene_in_a_config_map_reaches_the_command() -> None:
    continued = {"continue": {"configMap": {"name": "plays", "key": "hamlet.txt"}}}
    async with controller(raw_object({**SPEC, "generation": continued})) as (found, _kube, pachyderm):
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        await settled(found)
        assert "--continue-text=HAMLET: To be or not to be." in [*pachyderm.pipelines.values()][1][-1].spec.command


async def test_an_unreadable_spec_is_reported_and_can_still_be_deleted() -> None:
    spec = {**SPEC, "model": {"preset": "from-the-future"}}
    async with controller(raw_object(spec, finalizers=["scriptmodel.dev/pipelines"])) as (found, kube, pachyderm):
        assert await found.reconciler.reconcile(KEY) is None
        assert reason(kube) == "InvalidSpec"
        edit(found, kube, deletionTimestamp="now", generation=2)
        assert await found.reconciler.reconcile(KEY) is None
        assert kube.raw["metadata"]["finalizers"] == []
        assert pachyderm.pipelines == {}


@pytest.mark.parametrize("wrong", [{"deletionPolicy": "Archive"}, {"pachyderm": {"project": "b/c"}}])
async def test_a_deletion_whose_place_or_policy_is_unreadable_says_how_to_end_it(wrong: dict[str, Any]) -> None:
    raw = raw_object({**SPEC, **wrong}, finalizers=["scriptmodel.dev/pipelines"])
    async with controller(raw) as (found, kube, pachyderm):
        assert await found.reconciler.reconcile(KEY) is None
        assert reason(kube) == "InvalidSpec"
        edit(found, kube, deletionTimestamp="now")
        assert await found.reconciler.reconcile(KEY) is None
        message = kube.raw["status"]["conditions"][0]["message"]
        assert message.startswith(f"spec.{next(iter(wrong))}")
        assert "set deletionPolicy: Orphan" in message
        edit(found, kube, {**SPEC, **wrong, "deletionPolicy": "Orphan"})
        assert await found.reconciler.reconcile(KEY) is None
        assert kube.raw["metadata"]["finalizers"] == []
        assert pachyderm.calls == []


async def test_no_event_is_lost_or_repeated_if_the_status_cannot_be_written() -> None:
    async with controller(raw_object(SPEC)) as (found, kube, _pachyderm):
        faults = iter([True])
        kube.fault = lambda what: what == "status" and next(faults, False)
        with pytest.raises(RetryError):
            await found.reconciler.reconcile(KEY)
        await found.reconciler.reconcile(KEY)
        await found.events.drain()
        assert kube.writes == ["finalizers", "status"]
        assert kube.events == ["CorpusNotFound"]


async def test_an_event_that_cannot_be_written_delays_neither_pipelines_nor_status() -> None:
    async with controller(raw_object(SPEC)) as (found, kube, pachyderm):
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        kube.fault = lambda what: what == "event"
        await settled(found)
        assert len(pachyderm.pipelines) == 2
        assert reason(kube) == "WaitingForWorker"


async def test_an_object_is_not_ready_before_the_script_of_its_downloaded_commit_exists() -> None:
    """The shared snapshot may be older than a commit that was made in the background."""
    spec = {**SPEC, "corpus": {"http": {"urls": [URL]}}}
    async with controller(raw_object(spec), policy=Policy(downloads=("example.com",))) as (found, kube, pachyderm):
        pachyderm.web[URL] = b"HAMLET: To be.\n"

        async def downloaded() -> None:
            queue = found.reconciler.reporter.queue
            assert isinstance(queue, RecordingQueue)
            queue.news.clear()
            await settled(found)
            assert "lastHandledReconcileAt" not in kube.raw["status"], "it requests the download, too"
            await asyncio.wait_for(queue.news.wait(), 60)
            await settled(found)

        await downloaded()
        for ref in list(pachyderm.pipelines):
            pachyderm.succeed(ref)
        await found.snapshots.latest(time.monotonic())
        await settled(found)
        assert reason(kube) == "Generated"
        found.reconciler.config = replace(found.reconciler.config, poll_interval=60.0)
        pachyderm.web[URL] = b"HAMLET: Not to be.\n"
        edit(found, kube, annotations={RECONCILE_AT: "now"})
        await downloaded()
        assert len([call for call in pachyderm.calls if call.startswith("copy ")]) == 2
        assert reason(kube) == "WaitingForWorker"
        assert kube.raw["status"]["lastHandledReconcileAt"] == "now"


async def test_a_spec_that_changes_just_before_the_status_is_written_is_not_missed() -> None:
    """The answer to the write has the new spec, and so the watch brings nothing that is newer."""
    async with controller(raw_object(SPEC)) as (found, kube, _pachyderm):
        assert isinstance(found.reconciler.reporter.queue, RecordingQueue)
        requeued = found.reconciler.reporter.queue.added

        def changed(what: str) -> bool:
            if what == "status":
                kube.edit(generation=2)
            return False

        kube.fault = changed
        await found.reconciler.reconcile(KEY)
        assert (kube.writes[-1], requeued) == ("status", [KEY])
        await found.reconciler.reconcile(KEY)
        assert kube.raw["status"]["observedGeneration"] == 2
        assert requeued == [KEY]


async def test_an_update_whose_answer_was_lost_is_not_sent_again() -> None:
    """The snapshot from before the update is recent enough, but must not be used any more."""
    async with settled_controller() as (found, kube, pachyderm):
        edit(found, kube, {**SPEC, "model": {"preset": "small"}}, generation=2)
        real = pachyderm.apply_pipelines

        def unheard(pipelines: Sequence[PipelineApply]) -> None:
            real(pipelines)
            raise UnavailableError("updating", "no answer")

        pachyderm.calls.clear()
        pachyderm.apply_pipelines = unheard  # type: ignore[method-assign]  # the answer is lost
        with pytest.raises(RetryError):
            await found.reconciler.reconcile(KEY)
        pachyderm.apply_pipelines = real  # type: ignore[method-assign]  # answers again
        await settled(found)
        assert len(pachyderm.calls) == 1
        assert reason(kube) == "WaitingForWorker"


async def test_a_corpus_created_just_before_the_object_is_not_reported_missing() -> None:
    """The latest snapshot is recent enough for the start, but older than the corpus."""
    async with controller(raw_object(SPEC)) as (found, kube, pachyderm):
        await found.snapshots.latest(time.monotonic())
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        edit(found, kube, generation=2)
        await settled(found)
        await found.events.drain()
        assert "CorpusNotFound" not in kube.events
        assert reason(kube) == "WaitingForWorker"


async def test_reconcile_at_is_handled_with_a_newer_snapshot() -> None:
    async with settled_controller() as (found, kube, pachyderm):
        names = [ref.name for ref in pachyderm.pipelines]
        pachyderm.delete_pipeline(PipelineRef("default", names[1]), keep_repo=False)
        pachyderm.calls.clear()
        edit(found, kube)
        await settled(found)
        assert pachyderm.calls == [], "nothing requests a newer snapshot"
        edit(found, kube, annotations={RECONCILE_AT: "now"})
        await settled(found)
        assert pachyderm.calls == [f"create {names[1]}"]
        assert kube.raw["status"]["lastHandledReconcileAt"] == "now"


async def test_nothing_is_deleted_with_an_older_snapshot() -> None:
    """A reader created in between would make Pachyderm stop the pipeline and refuse."""
    async with settled_controller() as (found, kube, pachyderm):
        generate = next(ref for ref in pachyderm.pipelines if ref.name.endswith("-generate"))
        theirs = replace(pachyderm.pipelines[generate][-1].spec, ref=PipelineRef("default", "reader"), annotations={})
        pachyderm.apply_pipelines([PipelineApply(theirs)])
        pachyderm.calls.clear()
        edit(found, kube, deletionTimestamp="now")
        await settled(found)
        assert pachyderm.calls == []
        assert reason(kube) == "DeletionBlocked"


async def test_a_pipeline_that_somebody_keeps_changing_is_written_once_in_a_poll_interval() -> None:
    async with settled_controller() as (found, _kube, pachyderm):
        train, written, write = next(iter(pachyderm.pipelines)), [0], pachyderm.apply_pipelines

        def fought_over(changes: Sequence[PipelineApply]) -> None:
            write(changes)
            written[-1] += 1
            pachyderm.edit(train, image="other:1")

        pachyderm.apply_pipelines = fought_over  # type: ignore[method-assign]  # by another user
        pachyderm.edit(train, image="other:1")
        for _ in range(3):
            await found.snapshots.latest(time.monotonic())
            await settled(found)
            written.append(0)
        assert written == [MAX_ROUNDS, 1, 1, 0]


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
