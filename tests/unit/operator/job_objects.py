"""Jobs and pods as the API server, the Job controller and the kubelet of Kubernetes 1.34 write them."""

from datetime import UTC, datetime
from typing import Any

from scriptmodel_operator.jobs.job_manifest import job_manifest
from scriptmodel_operator.jobs.manifest import File, Manifest, Pack
from scriptmodel_operator.jobs.runs import Input, JobSettings, Run
from tests.unit.operator.pipeline_specs import PLAIN

Object = dict[str, Any]
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
CREATED, STARTED, ENDED = "2026-01-01T11:00:00Z", "2026-01-01T11:00:05Z", "2026-01-01T11:30:00Z"
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "scriptmodel-pipeline-thrones-train", "uid": "uid-owner"}
HASH = "3f" * 28
PLAYS = Manifest(
    packs=tuple(Pack(f"v1/drama/uploads/one/pack-000{number}", 6, f"{number}" * 64) for number in range(2)),
    files=(File("/a.txt", 6, "a" * 64, 0, 0), File("/acts/b.txt", 6, "b" * 64, 1, 0)),
)
RUN = Run("drama", PLAIN, 1, HASH, (Input("corpus", PLAYS),))
NAME = f"thrones-train-{HASH[:10]}-1"
REFUSED_POD = 'Error creating: pods "x-" is forbidden: exceeded quota: q, requested: cpu=1, used: cpu=4, limited: cpu=4'


def condition(kind: str, reason: str, message: str = "", status: str = "True") -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": ENDED}


def job(*conditions: Object, run: Run = RUN, deleted: bool = False, **spec: Any) -> Object:
    made = job_manifest(run, 1, JobSettings(), OWNER)
    made["metadata"] |= {"uid": "uid-job", "creationTimestamp": CREATED}
    if deleted:
        made["metadata"]["deletionTimestamp"] = ENDED
    return {**made, "spec": {**made["spec"], **spec}, "status": {"conditions": list(conditions)}}


def failed(reason: str, message: str) -> Object:
    return job(condition("Failed", reason, message))


def pod(
    state: Object | None, *conditions: Object, deleted: str = "", of: Object | None = None, **status: Any
) -> Object:
    """Return a pod whose container has a state, or none yet; `deleted` is its deletionTimestamp."""
    of = of or job()
    containers = [] if state is None else [{"name": "trainer", "state": state, "ready": "running" in state}]
    metadata = {
        "name": f"{NAME}-x7x2k",
        "namespace": "drama",
        "creationTimestamp": CREATED,
        "labels": {**of["spec"]["template"]["metadata"]["labels"], "batch.kubernetes.io/job-name": NAME},
        **({"deletionTimestamp": deleted, "deletionGracePeriodSeconds": 60} if deleted else {}),
    }
    return {
        "metadata": metadata,
        "spec": {**of["spec"]["template"]["spec"], "nodeName": "node-a"},
        "status": {"phase": "Running", "conditions": list(conditions), "containerStatuses": containers, **status},
    }


def running(**more: Any) -> Object:
    return pod({"running": {"startedAt": STARTED}}, **more)


def terminated(code: int, *conditions: Object, reason: str = "", message: str = "", **more: Any) -> Object:
    ended = {"exitCode": code, "reason": reason or ("Error" if code else "Completed"), "message": message}
    phase = {"phase": "Failed" if code else "Succeeded"}
    return pod({"terminated": {**ended, "startedAt": STARTED, "finishedAt": ENDED}}, *conditions, **phase | more)


def waiting(reason: str, message: str = "", **more: Any) -> Object:
    return pod({"waiting": {"reason": reason, "message": message}}, phase="Pending", **more)
