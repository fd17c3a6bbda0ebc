"""The controller where another Pachyderm answers, or none."""

import time

import pytest

from scriptmodel_operator.api.identity import ENGINE
from scriptmodel_operator.controller.queue import RetryError
from scriptmodel_operator.engine.errors import EngineError, UnavailableError
from scriptmodel_operator.jobs.storage import StorageConfig
from tests.unit.operator.controlling import KEY, PLAYS_BRANCH, controller, message, raw_object, reason, settled
from tests.unit.operator.world import PLAYS, SPEC


async def test_a_bucket_that_never_answered_is_not_taken_for_a_pachyderm() -> None:
    async with controller(raw_object(SPEC), storage=StorageConfig(storage="s3://plays")) as (found, kube, engine):
        engine.fault = lambda _call: UnavailableError("writing v1/engine.json in s3://plays", "QuotaExceeded")
        with pytest.raises(EngineError):
            await found.snapshots.latest(time.monotonic())
        with pytest.raises(RetryError):
            await found.reconciler.reconcile(KEY)
        answer = "writing v1/engine.json in s3://plays: QuotaExceeded"
        assert message(kube).startswith(f"the bucket does not answer ({answer}): check the bucket")


async def test_another_engine_is_reported_and_left_alone_until_the_record_is_removed() -> None:
    async with controller(raw_object(SPEC)) as (found, kube, pachyderm):
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        await settled(found)
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
        gone = {"deletionTimestamp": "now", "generation": 2, "resourceVersion": "9"}
        kube.raw = {**kube.raw, "metadata": {**kube.raw["metadata"], **gone}}
        found.reconciler.store.put(kube.raw)
        with pytest.raises(RetryError):
            await found.reconciler.reconcile(KEY)
        assert (reason(kube), pachyderm.calls) == ("OtherEngine", [])


async def test_a_first_call_that_fails_names_the_engine() -> None:
    async with controller(raw_object(SPEC)) as (found, kube, pachyderm):
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        pachyderm.fault = lambda call: UnavailableError(call, "lost") if call == "apply_pipelines" else None
        with pytest.raises(RetryError):
            await found.reconciler.reconcile(KEY)
        assert message(kube).startswith("localpach does not answer (apply_pipelines: lost)")


async def test_an_engine_that_changes_after_the_snapshot_is_noticed_before_the_action() -> None:
    async with controller(raw_object(SPEC, annotations={ENGINE: "localpach/a"})) as (found, kube, pachyderm):
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        await found.snapshots.latest(time.monotonic())
        pachyderm.engine_id = "pachyderm/b"
        pachyderm.calls.clear()
        with pytest.raises(RetryError):
            await found.reconciler.reconcile(KEY)
        assert (reason(kube), pachyderm.calls) == ("OtherEngine", [])
        kube.raw = raw = {**kube.raw, "metadata": {**kube.raw["metadata"], "resourceVersion": "9", "annotations": {}}}
        found.reconciler.store.put(raw)
        await settled(found)
        assert kube.raw["metadata"]["annotations"] == {ENGINE: "pachyderm/b"}
        assert len(pachyderm.pipelines) == 2
