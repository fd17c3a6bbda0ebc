"""The controller with objects that are suspended and resumed."""

from typing import Any

import pytest

from scriptmodel_operator.controller.queue import RetryError
from scriptmodel_operator.engine.errors import UnavailableError
from scriptmodel_operator.engine.values import PipelineRef
from tests.unit.operator.controlling import KEY, PLAYS_BRANCH, controller, raw_object, reason, settled
from tests.unit.operator.world import PLAYS, SPEC


async def test_an_object_that_is_refused_can_be_suspended_and_resumed() -> None:
    refused = {**SPEC, "training": {"priorityClassName": "high"}}
    async with controller(raw_object(SPEC)) as (found, kube, pachyderm):
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        await settled(found)

        async def apply(spec: dict[str, Any], version: str) -> None:
            kube.raw = {**kube.raw, "spec": spec, "metadata": {**kube.raw["metadata"], "resourceVersion": version}}
            found.reconciler.store.put(kube.raw)
            await settled(found)

        await apply({**refused, "suspend": True}, "80")
        assert all(versions[-1].stopped for versions in pachyderm.pipelines.values())
        assert reason(kube) == "NotAllowed"
        await apply(refused, "90")
        assert all(versions[-1].stopped for versions in pachyderm.pipelines.values())
        await apply(SPEC, "99")
        assert reason(kube) == "WaitingForWorker"
        assert not any(versions[-1].stopped for versions in pachyderm.pipelines.values())


async def test_an_object_that_is_resumed_before_it_is_reported_as_suspended_is_started() -> None:
    async with controller(raw_object(SPEC)) as (found, kube, pachyderm):
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        await settled(found)
        suspended = {**kube.raw["metadata"], "resourceVersion": "80"}
        kube.raw = {**kube.raw, "spec": {**kube.raw["spec"], "suspend": True}, "metadata": suspended}
        found.reconciler.store.put(kube.raw)
        await found.reconciler.reconcile(KEY)
        assert all(versions[-1].stopped for versions in pachyderm.pipelines.values())
        resumed = {**kube.raw["metadata"], "resourceVersion": "90"}
        kube.raw = {**kube.raw, "spec": {**kube.raw["spec"], "suspend": False}, "metadata": resumed}
        found.reconciler.store.put(kube.raw)
        await settled(found)
        assert reason(kube) == "WaitingForWorker"
        assert "suspended" not in kube.raw["status"]
        assert not any(versions[-1].stopped for versions in pachyderm.pipelines.values())


async def test_a_suspended_object_is_stopped_though_its_results_cannot_be_read() -> None:
    async with controller(raw_object(SPEC)) as (found, kube, pachyderm):
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        await settled(found)
        for ref in list(pachyderm.pipelines):
            pachyderm.succeed(ref)
        pachyderm.fault = lambda call: UnavailableError(call, "lost") if call == "read_file" else None
        suspended = {**kube.raw["metadata"], "resourceVersion": "90"}
        found.reconciler.store.put({**kube.raw, "spec": {**SPEC, "suspend": True}, "metadata": suspended})
        with pytest.raises(RetryError):
            await settled(found)
        assert all(versions[-1].stopped for versions in pachyderm.pipelines.values())


async def test_pipelines_that_somebody_starts_after_each_stop_are_stopped_once_in_a_poll_interval() -> None:
    async with controller(raw_object(SPEC)) as (found, kube, pachyderm):
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        await settled(found)
        stop = pachyderm.stop_pipeline

        def fought_over(ref: PipelineRef) -> None:
            stop(ref)
            pachyderm.start_pipeline(ref)

        pachyderm.stop_pipeline = fought_over  # type: ignore[method-assign]  # somebody is faster than the operator
        suspended = {**kube.raw["metadata"], "resourceVersion": "90"}
        found.reconciler.store.put({**kube.raw, "spec": {**SPEC, "suspend": True}, "metadata": suspended})
        assert await settled(found) == 5
        assert reason(kube) == "Suspended"
