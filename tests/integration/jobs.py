"""What the tests of Jobs and a bucket share: the operator, and the Job controller and the kubelet by hand."""

import base64
import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit
from uuid import uuid4

from dev.paths import OPERATOR_ENV, TRAINER_ENV
from dev.stack import ControlPlane, Operator
from dev.stack.s3 import S3Server
from tests.chart.rendering import OWN_BUCKET
from tests.integration.cluster import Cluster, Object, installed, is_ready, until
from tests.unit.operator.job_worlds import Trainer
from tests.unit.operator.world import SPEC

PEERS = [{"ipBlock": {"cidr": "10.1.2.0/24"}}]
"""What runs may connect to."""


CORPUS = {**SPEC, "corpus": {"configMap": {"name": "plays"}}}


def namespace_with_plays(control_plane: ControlPlane, play: str = "HAMLET: To be or not to be.") -> Cluster:
    """Make a namespace with a ConfigMap for CORPUS."""
    cluster = Cluster.create(control_plane, "jobs")
    cluster.kubectl("create", "configmap", "plays", f"--from-literal=hamlet.txt={play}")
    return cluster


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


def trained(
    cluster: Cluster,
    name: str,
    trainer: Trainer | RealTrainer | None = None,
    within: float = 120,
    holds: Callable[[Object], bool] = is_ready,
) -> int:
    """Run Jobs until the object is ready, or as it should be; return how many ran."""
    ran = 0

    def came() -> bool:
        nonlocal ran
        if holds(cluster.get(name)):
            return True
        ran += run_jobs(cluster, trainer or finished_trainer())
        return False

    until(lambda: json.dumps(cluster.get(name).get("status"), indent=1), came, within)
    return ran


def attempts(cluster: Cluster, stage: str) -> Counter[str]:
    """Return how many attempts there were at each run of a stage."""
    found = json.loads(cluster.kubectl("get", "jobs", f"-lscriptmodel.dev/stage={stage}", "-o", "json"))["items"]
    return Counter(job["metadata"]["labels"]["scriptmodel.dev/run"] for job in found)
