"""The operator as a process, with a real API server and a real bucket, and no Pachyderm.

The test is the Job controller and the kubelet: it runs what a Job's Secret says and writes the statuses by hand.
"""

import base64
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from dev.paths import OPERATOR_ENV, TRAINER_ENV
from dev.stack import ControlPlane, Operator
from dev.stack.s3 import S3Server
from scriptmodel_operator.api.identity import RECONCILE_AT
from scriptmodel_operator.jobs.bucket import open_bucket
from scriptmodel_operator.jobs.storage import StorageConfig
from tests.chart.rendering import OWN_BUCKET
from tests.integration.cluster import Cluster, StatusWatch, condition, installed, is_ready
from tests.integration.texts import play
from tests.unit.operator.job_worlds import Trainer
from tests.unit.operator.world import SPEC
from tests.web import WebServer, content, redirect

Object = dict[str, Any]
PEERS = [{"ipBlock": {"cidr": "10.1.2.0/24"}}]
"""What runs may connect to."""

pytestmark = pytest.mark.usefixtures("shared_operator_paused")


@pytest.fixture
def jobs_operator(tmp_path: Path, control_plane: ControlPlane, s3: S3Server) -> Iterator[Operator]:
    with operator_over(s3, uuid4().hex, tmp_path, control_plane) as running:
        yield running


@contextmanager
def operator_over(s3: S3Server, path: str, root: Path, control_plane: ControlPlane) -> Iterator[Operator]:
    storage = [f"--storage={s3.url}/{path}", f"--storage-endpoint={s3.endpoint}", "--poll-interval=0.5"]
    downloads = ["--operator-image=operator:1", "--allow-download=127.0.0.1"]
    downloads.append(f"--storage-egress={json.dumps(PEERS)}")
    options = [*storage, *downloads, "--source-interval=1", "--cluster-id=test"]
    made = Operator(root, as_in_the_chart(control_plane), options=options, env=s3.credentials)
    with made as running:
        yield running
    text = running.log.read_text()
    assert "forbidden" not in text, text
    assert "Traceback" not in text, text


def as_in_the_chart(control_plane: ControlPlane) -> Path:
    """Return a kubeconfig with the rights that the chart gives an operator with a bucket, and no others."""
    values = {**OWN_BUCKET, "storage": {"egress": PEERS}, "watchAllNamespaces": True}
    return installed(control_plane, values, "jobs")


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


class RealPod:
    """The command of a pod as a process, in a folder of its own."""

    def __init__(self, root: Path, document: Object) -> None:
        self._folder = root / uuid4().hex
        self._folder.mkdir()
        self.write(document)
        folders = {"PFS_ROOT": "pfs", "SCRIPTMODEL_STATE_DIR": "state", "SCRIPTMODEL_TERMINATION_LOG": "end"}
        env = {**os.environ, **{name: str(self._folder / place) for name, place in folders.items()}}
        command = [TRAINER_ENV / "bin" / "scriptmodel-trainer", "job", self._folder / "job.json"]
        with (self._folder / "log").open("w") as log:
            self._process = subprocess.Popen(command, env=env, stdout=log, stderr=log)

    def write(self, document: Object) -> None:
        """Do what the kubelet does with a Secret that has changed."""
        new = self._folder / "job.json.new"
        new.write_text(json.dumps(document))
        new.replace(self._folder / "job.json")

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def succeed(self) -> None:
        assert self._process.wait() == 0, self.log


@dataclass(frozen=True)
class RealTrainer:
    """Runs a pod to its end."""

    root: Path

    def run(self, document: Object) -> None:
        RealPod(self.root, document).succeed()


def unfinished(cluster: Cluster) -> list[Object]:
    """Return the Jobs that have not ended."""
    jobs = json.loads(cluster.kubectl("get", "jobs", "-o", "json"))["items"]
    return [job for job in jobs if not job.get("status", {}).get("conditions")]


def job_name(job: Object) -> str:
    return str(job["metadata"]["name"])


def document_of(cluster: Cluster, name: str) -> bytes:
    """Return what the Secret of a Job holds; nothing if the Job was stopped meanwhile."""
    found = cluster.kubectl("get", "secret", name, "--ignore-not-found", "-o", "json")
    return b"".join(map(base64.b64decode, json.loads(found)["data"].values())) if found else b""


def end_job(cluster: Cluster, name: str, failure: str = "") -> None:
    """Let a Job end, as the Job controller does: its pod has succeeded, or its pod failure policy says what failed."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    cause = {"reason": "PodFailurePolicy", "message": failure} if failure else {}
    kinds = ("FailureTarget", "Failed") if failure else ("SuccessCriteriaMet", "Complete")
    conditions = [{"type": kind, "status": "True", "lastTransitionTime": now, **cause} for kind in kinds]
    ended = {"failed": 1} if failure else {"succeeded": 1, "completionTime": now}
    patch = json.dumps({"status": {"startTime": now, "conditions": conditions, **ended}})
    cluster.kubectl("patch", f"job/{name}", "--subresource=status", "--type=merge", "-p", patch)


def run_jobs(cluster: Cluster, trainer: Trainer | RealTrainer) -> int:
    """Run all Jobs that have not ended; return how many there were."""
    waiting = [(job, document) for job in unfinished(cluster) if (document := document_of(cluster, job_name(job)))]
    for job, document in waiting:
        name, failure = job_name(job), ""
        if job["metadata"]["labels"]["scriptmodel.dev/stage"] == "fetch":
            variables = secret_variables(cluster, job["spec"]["template"]["spec"]["containers"][0])
            if not fetched(document, variables):
                failure = f"Container fetch for pod {name}-x failed with exit code 1"
        else:
            trainer.run(json.loads(document))
        end_job(cluster, name, failure)
    return len(waiting)


def secret_variables(cluster: Cluster, container: Object) -> dict[str, str]:
    """Return the variables that a container has from Secrets."""
    found = {}
    for each in container.get("env", []):
        source = each["valueFrom"]["secretKeyRef"]
        data = json.loads(cluster.kubectl("get", "secret", source["name"], "-o", "json"))["data"]
        assert source["optional"] or source["key"] in data
        if source["key"] in data:
            found[each["name"]] = base64.b64decode(data[source["key"]]).decode()
    return found


def fetched(document: bytes, variables: Mapping[str, str]) -> bool:
    """Do what the pod of a download does, by the real program; return whether it fetched all files."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "fetch.json"
        path.write_bytes(document)
        command = [OPERATOR_ENV / "bin" / "scriptmodel-operator", "fetch", path, folder]
        return subprocess.run(command, check=False, env={**os.environ, **variables}).returncode == 0


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
    policies = json.loads(cluster.kubectl("get", "networkpolicies", "-o", "json"))["items"]
    assert [each["spec"]["egress"][-1] for each in policies] == [{"to": PEERS}] * 2, "of each pipeline"

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


def test_a_corpus_by_url_is_fetched_by_the_program_of_a_job(
    jobs_operator: Operator, control_plane: ControlPlane, watched: StatusWatch
) -> None:
    cluster = Cluster.create(control_plane, "jobs")
    control_plane.kubectl("label", "ns", cluster.namespace, "pod-security.kubernetes.io/enforce=restricted")

    def until(holds: Callable[[Object], bool], *, run: bool = True) -> Object:
        deadline = time.monotonic() + 120
        while not holds(found := cluster.get("thrones")):
            assert time.monotonic() < deadline, json.dumps(found.get("status"), indent=1)
            time.sleep(0.2 if not run or not run_jobs(cluster, finished_trainer()) else 0)
        return found

    def check(at: str) -> None:
        cluster.kubectl("annotate", "sm", "thrones", f"{RECONCILE_AT}={at}", "--overwrite")

    with WebServer({"/hamlet.txt": content(b"HAMLET: To be."), "/lear.txt": redirect("file:///etc/passwd")}) as server:
        urls = [server.url("/hamlet.txt?token=canary"), server.url("/lear.txt")]
        cluster.apply("thrones", {**SPEC, "corpus": {"http": {"urls": urls}}})
        until(lambda _found: "job.batch/" in cluster.kubectl("get", "jobs", "-o", "name"), run=False)
        (job,) = json.loads(cluster.kubectl("get", "jobs", "-o", "json"))["items"]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": job["spec"]["template"]["spec"]}
        cluster.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(pod))

        refused = until(lambda found: "status" in found and condition(found)["reason"] == "DownloadFailed")
        assert "'file:///etc/passwd', which is neither http nor https" in condition(refused)["message"]
        server.answers["/lear.txt"] = content(b"LEAR: Howl!")
        check("1")
        first = until(is_ready)["status"]["source"]
        check("2")
        again = until(lambda found: found["status"].get("lastHandledReconcileAt") == "2")["status"]["source"]
        assert (again["commit"], again["lastChangeTime"]) == (first["commit"], first["lastChangeTime"]), "equal bytes"
        server.answers["/lear.txt"] = content(b"LEAR: Never!")
        check("3")
        until(lambda found: is_ready(found) and found["status"]["source"]["commit"] != first["commit"])
        assert "canary" not in json.dumps(cluster.get("thrones")["status"]) + jobs_operator.log.read_text()
        cluster.kubectl("delete", "scriptmodel", "thrones", "--wait=false")
        cluster.gone("thrones")
    assert "scriptmodel-" not in cluster.kubectl("get", "configmaps", "-o", "name")
    watched.check()


def test_a_corpus_in_a_bucket_of_a_user_is_fetched_after_a_change_only(
    jobs_operator: Operator, control_plane: ControlPlane, s3: S3Server, watched: StatusWatch
) -> None:
    cluster = Cluster.create(control_plane, "jobs")
    shaw = s3.folder / cluster.namespace / "shaw"
    shaw.mkdir(parents=True)
    (shaw / "pygmalion.txt").write_text("LIZA: Garn!")
    keys = {**s3.credentials, "AWS_REGION": s3.region, "AWS_ENDPOINT_URL": s3.endpoint}
    literals = [f"--from-literal={name}={value}" for name, value in keys.items()]
    cluster.kubectl("create", "secret", "generic", "plays", *literals)
    bucket = {"url": f"{s3.url}/{cluster.namespace}/shaw", "secretRef": {"name": "plays"}}
    cluster.apply("liza", {**SPEC, "corpus": {"bucket": bucket}})
    assert trained(cluster, "liza") == 3, "a download, a training and a script"
    first = cluster.get("liza")["status"]["source"]

    def checked(at: str) -> Object:
        cluster.kubectl("annotate", "sm", "liza", f"{RECONCILE_AT}={at}", "--overwrite")
        deadline = time.monotonic() + 120
        while (found := cluster.get("liza"))["status"].get("lastHandledReconcileAt") != at or not is_ready(found):
            assert time.monotonic() < deadline, json.dumps(found.get("status"), indent=1)
            run_jobs(cluster, finished_trainer())
        return dict(found["status"]["source"])

    jobs_operator.kill()
    jobs_operator.start()
    again = checked("1")
    assert again == {**first, "lastCheckTime": again["lastCheckTime"]}
    (shaw / "pygmalion.txt").write_text("LIZA: Not bloody likely.")
    changed = checked("2")
    assert {changed[name] == first[name] for name in ("commit", "listing")} == {False}
    cluster.kubectl("delete", "scriptmodel", "liza", "--wait=false")
    cluster.gone("liza")
    assert s3.secret_key not in jobs_operator.log.read_text() + json.dumps(changed)
    watched.check()


def test_after_a_move_to_another_bucket_nothing_is_computed_again(
    tmp_path: Path, control_plane: ControlPlane, s3: S3Server, watched: StatusWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster.create(control_plane, "jobs")
    cluster.kubectl("create", "configmap", "plays", "--from-literal=hamlet.txt=HAMLET: To be or not to be.")
    spec = {**SPEC, "corpus": {"configMap": {"name": "plays"}}}
    with operator_over(s3, "old", tmp_path, control_plane):
        cluster.apply("thrones", spec)
        assert trained(cluster, "thrones") == 2
        before = cluster.get("thrones")["status"]
        cluster.apply("thrones", {**spec, "suspend": True})
        cluster.reason("thrones", "Suspended")
    with S3Server(tmp_path / "new") as new:
        for name, value in s3.credentials.items():
            monkeypatch.setenv(name, value)
        old_bucket, new_bucket = (
            open_bucket(StorageConfig(storage=f"{server.url}/{path}", storage_endpoint=server.endpoint))
            for server, path in ((s3, "old"), (new, "below/new"))
        )
        for key, size in old_bucket.sizes("").items():
            new_bucket.put(key, old_bucket.get(key, size))
        old_bucket.delete(list(old_bucket.sizes("")))
        with operator_over(new, "below/new", tmp_path, control_plane):
            cluster.apply("thrones", spec)
            assert trained(cluster, "thrones") == 0
            assert cluster.get("thrones")["status"]["lineage"] == before["lineage"]
            cluster.apply("thrones", {**spec, "generation": {"temperature": "0.5"}})
            assert trained(cluster, "thrones") == 1, "only a script, by the model that was moved"
            cluster.kubectl("delete", "scriptmodel", "thrones", "--wait=false")
            cluster.gone("thrones")
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
