"""The operator as a process, with a real API server and a real bucket, and no Pachyderm.

The test is the Job controller and the kubelet: it runs what a Job's Secret says and writes the statuses by hand.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from dev.paths import TRAINER_ENV
from dev.stack import ControlPlane, Operator
from dev.stack.s3 import S3Server
from tests.chart.rendering import OWN_BUCKET, objects
from tests.integration.cluster import Cluster, StatusWatch, is_ready
from tests.integration.texts import play
from tests.unit.operator.job_worlds import Trainer
from tests.unit.operator.world import SPEC

Object = dict[str, Any]


@pytest.fixture
def jobs_operator(tmp_path: Path, control_plane: ControlPlane, s3: S3Server) -> Iterator[Operator]:
    storage = [f"--storage={s3.url}/{uuid4().hex}", f"--storage-endpoint={s3.endpoint}", "--poll-interval=0.5"]
    options = [*storage, "--source-interval=1", "--cluster-id=test"]
    made = Operator(tmp_path, as_in_the_chart(tmp_path, control_plane), options=options, env=s3.credentials)
    with made as running:
        yield running
    text = running.log.read_text()
    assert "forbidden" not in text, text
    assert "Traceback" not in text, text


def as_in_the_chart(root: Path, control_plane: ControlPlane) -> Path:
    """Return a kubeconfig with the rights that the chart gives an operator with a bucket, and no others."""
    roles = [each for each in objects(OWN_BUCKET) if each["kind"] == "ClusterRole"]
    (role,) = (each for each in roles if any(rule["resources"] == ["jobs"] for rule in each["rules"]))
    name = {"name": "jobs-operator"}
    account = {"kind": "ServiceAccount", **name, "namespace": "default"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", **name}
    kind = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    made: list[Object] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {**name, "namespace": "default"}},
        {**kind, "kind": "ClusterRole", "metadata": name, "rules": role["rules"]},
        {**kind, "kind": "ClusterRoleBinding", "metadata": name, "roleRef": reference, "subjects": [account]},
    ]
    for each in made:
        control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(each))
    config = json.loads(control_plane.kubeconfig.read_text())
    token = control_plane.kubectl("create", "token", name["name"], "-n", "default", "--duration=2h").stdout.strip()
    config["users"][0]["user"] = {"token": token}
    path = root / "jobs.kubeconfig"
    path.write_text(json.dumps(config))
    return path


def send(method: str, url: str, data: bytes = b"") -> bytes:
    where = urlsplit(url)
    with closing(HTTPConnection(where.netloc, timeout=10)) as connection:
        connection.request(method, f"{where.path}?{where.query}", data)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        return answer.read()


def finished_trainer(files: Mapping[str, bytes] | None = None, log: bytes = b"") -> Trainer:
    """Return a trainer over HTTP, which also writes `files`, and has printed `log`."""
    return Trainer(lambda url: send("GET", url), lambda url, data: send("PUT", url, data), files=files or {}, log=log)


@dataclass(frozen=True)
class RealTrainer:
    """The command of a pod, in a folder of its own."""

    root: Path

    def run(self, document: Object) -> None:
        folder = self.root / uuid4().hex
        folder.mkdir()
        (folder / "job.json").write_text(json.dumps(document))
        folders = {"PFS_ROOT": "pfs", "SCRIPTMODEL_STATE_DIR": "state", "SCRIPTMODEL_TERMINATION_LOG": "end"}
        env = {**os.environ, **{name: str(folder / place) for name, place in folders.items()}}
        command = [TRAINER_ENV / "bin" / "scriptmodel-trainer", "job", folder / "job.json"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def run_jobs(cluster: Cluster, trainer: Trainer | RealTrainer) -> int:
    """Run all Jobs that have not ended; return how many there were."""
    jobs = json.loads(cluster.kubectl("get", "jobs", "-o", "json"))["items"]
    waiting = [job for job in jobs if not job.get("status", {}).get("conditions")]
    for job in waiting:
        name = job["metadata"]["name"]
        secret = json.loads(cluster.kubectl("get", "secret", name, "-o", "json"))
        trainer.run(json.loads(base64.b64decode(secret["data"]["job.json"])))
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        conditions = [
            {"type": kind, "status": "True", "lastTransitionTime": now} for kind in ("SuccessCriteriaMet", "Complete")
        ]
        status = {"startTime": now, "completionTime": now, "succeeded": 1, "conditions": conditions}
        patch = json.dumps({"status": status})
        cluster.kubectl("patch", f"job/{name}", "--subresource=status", "--type=merge", "-p", patch)
    return len(waiting)


def trained(cluster: Cluster, name: str, trainer: Trainer | RealTrainer | None = None, within: float = 120) -> int:
    """Run Jobs until the object is ready; return how many ran."""
    deadline, ran = time.monotonic() + within, 0
    while not is_ready(cluster.get(name)):
        assert time.monotonic() < deadline, json.dumps(cluster.get(name).get("status"), indent=1)
        ran += run_jobs(cluster, trainer or finished_trainer())
        time.sleep(0.2)
    return ran


def test_an_object_is_trained_changed_suspended_and_deleted_without_a_pachyderm(
    jobs_operator: Operator, control_plane: ControlPlane, watched: StatusWatch
) -> None:
    cluster = Cluster.create(control_plane, "jobs")
    cluster.kubectl("create", "configmap", "plays", "--from-literal=hamlet.txt=HAMLET: To be or not to be.")
    spec = {**SPEC, "corpus": {"configMap": {"name": "plays"}}}
    cluster.apply("thrones", spec)
    assert trained(cluster, "thrones") == 2
    found = cluster.get("thrones")
    assert found["metadata"]["annotations"]["scriptmodel.dev/engine"].startswith("jobs/")
    assert found["status"]["script"]["words"] == 5

    jobs_operator.kill()
    jobs_operator.start()
    cluster.apply("thrones", {**spec, "generation": {"temperature": "0.5"}})
    assert trained(cluster, "thrones") == 1

    cluster.apply("thrones", {**spec, "model": {"preset": "small"}})
    cluster.reason("thrones", "WaitingForWorker")
    cluster.apply("thrones", {**spec, "model": {"preset": "small"}, "suspend": True})
    cluster.reason("thrones", "Suspended")
    cluster.apply("thrones", spec)
    assert trained(cluster, "thrones") == 0  # the model and the script were computed before

    cluster.kubectl("delete", "scriptmodel", "thrones", "--wait=false")
    cluster.gone("thrones")
    assert "scriptmodel-" not in cluster.kubectl("get", "configmaps,jobs,secrets", "-o", "name")
    watched.check()


@pytest.mark.timeout(900)
def test_the_real_trainer_trains_and_writes_a_script(
    tmp_path: Path, jobs_operator: Operator, control_plane: ControlPlane
) -> None:
    cluster = Cluster.create(control_plane, "jobs")
    (tmp_path / "castle.txt").write_text(play())
    cluster.kubectl("create", "configmap", "plays", f"--from-file={tmp_path / 'castle.txt'}")
    model = {"preset": "test", "overrides": {"epochs": 2}}
    cluster.apply("castle", {"corpus": {"configMap": {"name": "plays"}}, "model": model, "generation": {"words": 60}})
    assert trained(cluster, "castle", RealTrainer(tmp_path), within=800) == 2
    status = cluster.get("castle")["status"]
    assert 0 < status["script"]["words"] <= 60
    assert float(status["perplexity"]) > 1
