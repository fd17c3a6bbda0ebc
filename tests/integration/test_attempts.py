"""Attempts in a real API server and a real bucket. The test is the Job controller and the kubelet: it makes the pod of
a Job and writes the statuses by hand, which the API server validates.
"""

import base64
import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from dev.stack import ControlPlane
from dev.stack.s3 import S3Server
from scriptmodel_operator.jobs import pods, refusals
from scriptmodel_operator.jobs.attempts import Attempts
from scriptmodel_operator.jobs.bucket import ObstoreBucket, open_bucket
from scriptmodel_operator.jobs.job_manifest import job_manifest
from scriptmodel_operator.jobs.runs import Attempt, AttemptState, Input, JobSettings, Run
from scriptmodel_operator.jobs.storage import StorageConfig
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.cluster import KubeCluster
from scriptmodel_operator.kube.login import Credentials, login
from tests.integration.cluster import Cluster
from tests.unit.operator.job_objects import HASH, OWNER, PLAYS
from tests.unit.operator.pipeline_specs import FULL, PLAIN

Object = dict[str, Any]
NOW = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
EMPTY = {"schema": 1, "packs": [{"name": "pack-0000", "sha256": "a" * 64, "size": 5}], "files": []}
SETTINGS = JobSettings(url_seconds=60)


@pytest.fixture(scope="module")
def kube(control_plane: ControlPlane) -> KubeCluster:
    return KubeCluster(KubeClient(Credentials(lambda: login(control_plane.kubeconfig))))


@pytest.fixture
def bucket(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> ObstoreBucket:
    for name, value in s3.credentials.items():
        monkeypatch.setenv(name, value)
    return open_bucket(StorageConfig(storage=f"{s3.url}/{uuid4().hex}", storage_endpoint=s3.endpoint))


class World:
    """A namespace whose pods must be restricted, a bucket, and the attempts at one run."""

    def __init__(self, cluster: Cluster, kube: KubeCluster, bucket: ObstoreBucket) -> None:
        self.cluster, self.kube, self.bucket = cluster, kube, bucket
        self.namespace = cluster.namespace
        self.attempts = Attempts(kube, bucket, SETTINGS)
        self.run = Run(self.namespace, PLAIN, 1, HASH, (Input("corpus", PLAYS),))
        cluster.control_plane.kubectl("label", "ns", self.namespace, "pod-security.kubernetes.io/enforce=restricted")

    @property
    def attempt(self) -> Attempt:
        (found,) = self.attempts.listed(self.namespace)
        return found

    def start(self) -> Attempt:
        self.attempts.start(self.run, 1, OWNER)
        return self.attempt

    def job(self) -> Object:
        return dict(json.loads(self.cluster.kubectl("get", "jobs", "-o", "json"))["items"][0])

    def pod(self, status: Object) -> str:
        """Make the pod of the Job as the Job controller does, on a node that does not exist, with a status."""
        job = self.job()
        template = job["spec"]["template"]
        name = f"{job['metadata']['name']}-x7x2k"
        spec = {**template["spec"], "nodeName": "node-a"}
        made = {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], "name": name}, "spec": spec}
        self.cluster.kubectl("create", "-f", "-", stdin=json.dumps(made))
        self.status(f"pod/{name}", status)
        return name

    def status(self, what: str, status: Object) -> None:
        patch = json.dumps({"status": status})
        self.cluster.kubectl("patch", what, "--subresource=status", "--type=merge", "-p", patch)

    def fail(self, reason: str, message: str) -> None:
        """Let the Job fail, as the Job controller does."""
        conditions = [
            {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": NOW}
            for kind in ("FailureTarget", "Failed")
        ]
        name = self.job()["metadata"]["name"]
        self.status(f"job/{name}", {"startTime": NOW, "failed": 1, "conditions": conditions})

    def document(self) -> Object:
        secret = json.loads(self.cluster.kubectl("get", "secret", self.attempt.name, "-o", "json"))
        return dict(json.loads(base64.b64decode(secret["data"]["job.json"])))

    def gone(self, *kinds: str) -> bool:
        return not self.cluster.kubectl("get", ",".join(kinds), "-o", "name").strip()


@pytest.fixture
def world(control_plane: ControlPlane, kube: KubeCluster, bucket: ObstoreBucket) -> World:
    return World(Cluster.create(control_plane, "attempts"), kube, bucket)


def container(state: Object) -> Object:
    return {"name": "trainer", "image": "trainer:1", "imageID": "", "ready": False, "restartCount": 0, "state": state}


def put(url: str, data: bytes) -> int:
    """Return the status of the answer to a request without credentials."""
    where = urlsplit(url)
    with closing(HTTPConnection(where.netloc, timeout=10)) as connection:
        connection.request("PUT", f"{where.path}?{where.query}", data)
        return connection.getresponse().status


def test_the_api_server_takes_all_that_a_pipeline_asks_of_a_pod(world: World) -> None:
    job = job_manifest(replace(world.run, spec=FULL), 1, SETTINGS, OWNER)
    spec = {**job["spec"]["template"]["spec"], "runtimeClassName": None, "priorityClassName": None}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "try"}, "spec": spec}
    for each in (job, pod):
        world.cluster.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(each))


def test_an_attempt_runs_in_a_pod_that_is_restricted_and_its_result_is_taken(world: World) -> None:
    assert world.start().state is AttemptState.WAITING
    world.pod({"phase": "Running", "containerStatuses": [container({"running": {"startedAt": NOW}})]})
    assert world.attempt.state is AttemptState.RUNNING
    output = world.document()["output"]
    assert put(output["packs"][0], b"12345") == put(output["manifest"], json.dumps(EMPTY).encode()) == 200
    name = world.attempt.name
    ended = {"exitCode": 0, "startedAt": NOW, "finishedAt": NOW}
    world.status(f"pod/{name}-x7x2k", {"phase": "Succeeded", "containerStatuses": [container({"terminated": ended})]})
    assert world.attempt.state is AttemptState.SUCCEEDED
    assert [pack.size for pack in world.attempts.take(world.run, 1).packs] == [5]
    world.attempts.end(world.namespace, name)
    assert world.gone("secrets")
    assert world.job()["spec"]["ttlSecondsAfterFinished"] == 24 * 3600


def test_a_job_says_how_it_failed_when_its_pod_is_gone(world: World) -> None:
    world.start()
    world.fail("PodFailurePolicy", "Container trainer for pod x/y failed with exit code 1 matching FailJob rule")
    assert (world.attempt.state, "exit code 1" in world.attempt.reason) == (AttemptState.FAILED, True)


def test_the_pod_of_a_node_that_died_is_lost_and_its_job_is_deleted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No kubelet ends the pod; the statuses are those that the node controller writes."""
    world.start()
    taint = {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager", "message": "node-a died"}
    running = [container({"running": {"startedAt": NOW}})]
    name = world.pod({"phase": "Running", "conditions": [taint], "containerStatuses": running})
    world.cluster.kubectl("delete", "pod", name, "--wait=false", "--grace-period=1")
    assert world.attempt.state is AttemptState.RUNNING
    monkeypatch.setattr(pods, "BEYOND_GRACE", timedelta(seconds=-5))
    monkeypatch.setattr(pods, "_SHORTEST_PAUSE", 0.0)
    assert world.attempt.state is AttemptState.LOST
    assert world.attempt.reason == "node node-a does not answer (node-a died): check the node"
    world.attempts.end(world.namespace, world.attempt.name)
    assert world.gone("jobs", "secrets")


def test_what_keeps_kubernetes_from_making_a_pod_is_read_from_its_events(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "_SECONDS", -5.0)
    world.start()
    metadata = world.job()["metadata"]
    regarding = {"kind": "Job", "namespace": world.namespace, "name": metadata["name"], "uid": metadata["uid"]}
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "refused"},
        "involvedObject": {"apiVersion": "batch/v1", **regarding},
        "reason": "FailedCreate",
        "message": 'Error creating: pods "x" is forbidden: exceeded quota: q',
        "type": "Warning",
        "lastTimestamp": NOW,
    }
    world.cluster.kubectl("create", "-f", "-", stdin=json.dumps(event))
    world.cluster.kubectl(
        "create", "-f", "-", stdin=json.dumps({**event, "reason": "Other", "metadata": {"name": "o"}})
    )
    assert world.attempt.reason == f"Kubernetes accepts no pod for it: {event['message']}"


def test_a_queued_job_is_left_suspended_and_stopped_with_its_secret(world: World) -> None:
    world.run = replace(world.run, spec=replace(PLAIN, pods=FULL.pods))
    assert world.start().reason == "waits in queue gpus"
    assert world.job()["spec"]["suspend"] is True
    world.attempts.stop(world.namespace, world.attempt.name)
    assert world.gone("jobs", "secrets")


def test_urls_that_have_expired_are_replaced_in_the_secret(world: World) -> None:
    world.attempts = Attempts(world.kube, world.bucket, JobSettings(url_seconds=1))
    world.start()
    old = world.document()["output"]["log"]
    while put(old, b"late") == 200:
        pass
    world.attempts = Attempts(world.kube, world.bucket, SETTINGS)
    world.attempts.renew(world.run, 1)
    assert put(world.document()["output"]["log"], b"in time") == 200


def test_an_attempt_is_started_and_stopped_once_whoever_repeats_it(world: World) -> None:
    for _ in range(2):
        world.start()
    for _ in range(2):
        world.attempts.stop(world.namespace, f"thrones-train-{HASH[:10]}-1")
    world.attempts.end(world.namespace, f"thrones-train-{HASH[:10]}-1")
    assert world.gone("jobs", "secrets")
