"""The controller while the pods of a training wait for quota or for a node."""

import pytest

from scriptmodel_operator.desired.policy import Policy
from tests.unit.operator.controlling import PLAYS_BRANCH, controller, later, message, raw_object, reason, settled
from tests.unit.operator.world import PLAYS, SPEC

QUEUED = {**SPEC, "training": {"queueName": "gpus", "pendingDeadline": "1m"}}
QUEUES = {"policy": Policy(queues=("gpus",)), "worker_namespace": "pachyderm"}
GATED = {"metadata": {"name": "train-0"}, "spec": {"schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]}}
FREE = {"metadata": {"name": "train-0"}, "spec": {}}


async def test_a_gated_pod_waits_for_quota_however_long_and_then_for_a_worker() -> None:
    async with controller(raw_object(QUEUED), **QUEUES) as (found, kube, pachyderm):
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        kube.pods = [GATED]
        await settled(found)
        assert reason(kube) == "WaitingForQuota"
        assert message(kube).startswith("the train job waits for quota in queue gpus (job ")
        (train,) = [ref for ref in pachyderm.pipelines if ref.name.endswith("-train")]
        assert pachyderm.pipelines[train][-1].spec.pods.labels == (("kueue.x-k8s.io/queue-name", "gpus"),)
        selector = f"pipelineProject=default,pipelineName={train.name},pipelineVersion=1"
        assert set(kube.listed) == {f"pachyderm {selector}"}
        assert await later(found, pachyderm, 3600) == found.reconciler.config.poll_interval
        assert reason(kube) == "WaitingForQuota"
        kube.pods = [{**GATED, "metadata": {"deletionTimestamp": "now"}}, FREE]
        await later(found, pachyderm, 0)
        assert reason(kube) == "WaitingForWorker"
        assert not [call for call in pachyderm.calls if call.startswith("stop")]


async def test_without_the_right_to_list_pods_a_queued_job_waits_for_a_worker() -> None:
    async with controller(raw_object(QUEUED), policy=QUEUES["policy"]) as (found, kube, pachyderm):
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        await settled(found)
        assert (reason(kube), kube.listed) == ("WaitingForWorker", [])
        await later(found, pachyderm, 3600)
        assert reason(kube) == "WorkerUnavailable"


async def test_a_right_to_list_pods_that_is_missing_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with controller(raw_object(QUEUED), **QUEUES) as (found, kube, pachyderm):
        kube.fault = lambda what: what == "pods"
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        await settled(found)
        await later(found, pachyderm, 0)
        assert reason(kube) == "WaitingForWorker"
        assert len([each for each in caplog.records if "cannot list the pods" in each.message]) == 1


async def test_a_job_that_runs_and_an_object_without_a_queue_list_no_pods() -> None:
    async with controller(raw_object(SPEC), **QUEUES) as (found, kube, pachyderm):
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        await settled(found)
        assert (reason(kube), kube.listed) == ("WaitingForWorker", [])
    async with controller(raw_object(QUEUED), **QUEUES) as (found, kube, pachyderm):
        pachyderm.put(PLAYS_BRANCH, PLAYS)
        await settled(found)
        (train,) = [ref for ref in pachyderm.pipelines if ref.name.endswith("-train")]
        pachyderm.run(train)
        kube.listed.clear()
        await later(found, pachyderm, 0)
        assert (reason(kube), kube.listed) == ("Training", [])


async def test_a_queue_that_is_not_allowed_is_refused() -> None:
    async with controller(raw_object(QUEUED)) as (found, kube, pachyderm):
        await settled(found)
        assert reason(kube) == "NotAllowed"
        assert "queue 'gpus' is not allowed: leave it out, or have the operator run with --allow-queue gpus" in message(
            kube
        )
        assert pachyderm.calls == []
