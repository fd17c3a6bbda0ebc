"""The chart without a Pachyderm: localpach as a pod, its workers as Jobs, and a training that outlives localpach."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from python_pachyderm.proto.v2.pps import pps_pb2 as pps

from dev.images.project import image
from tests.integration.pachyderm import Pachyderm
from tests.integration.texts import play
from tests.node.release import NAME, NAMESPACE, Release
from tests.node.running import Namespace, Running
from tests.node.service import serving

pytestmark = pytest.mark.timeout(600)

ADDRESS = "10.232.0.50"
WORKERS = f"{NAMESPACE}-workers"
ENGINE = f"{NAME}-scriptmodel-operator-localpach"
SHELF = "shelf-of-plays"
USER = 65532


@pytest.fixture(scope="module")
def volume(cluster: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A volume for localpach; the node has no storage of its own."""
    folder = tmp_path_factory.mktemp("volume")
    for each in (folder, *folder.parents):
        if each.is_relative_to("/tmp/") and each != Path("/tmp"):  # where pytest's folders are
            each.chmod(0o755)
    os.chown(folder, USER, USER)
    spec = {
        "capacity": {"storage": "20Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "manual",
        "hostPath": {"path": str(folder)},
    }
    cluster.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": ENGINE}, "spec": spec})
    yield
    cluster.kubectl("delete", "persistentvolume", ENGINE, "--wait=false")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def engine(cluster: Running, current: Path, volume: None) -> Iterator[Pachyderm]:
    """The release, with a client of its localpach that has the operator's token."""
    del volume
    release = Release(cluster, "")
    release.values["localpach"] = {"clusterIP": ADDRESS, "storage": {"className": "manual"}}

    def pod_address() -> str:
        return str(cluster.get("pod", f"{ENGINE}-0", f"--namespace={NAMESPACE}")["status"]["podIP"])

    with serving(ADDRESS, (30650, 30651), pod_address):
        try:
            release.deploy(current, replicas=1)
            secret = cluster.get("secret", f"{ENGINE}-token", f"--namespace={NAMESPACE}")
            token = base64.b64decode(secret["data"]["token"]).decode()
            with Pachyderm(f"{ADDRESS}:30650", token, SHELF) as client:
                yield client
        finally:
            shelf = f"--namespace={SHELF}"
            cluster.kubectl("delete", "scriptmodels", "--all", shelf, "--timeout=90s", check=False)
            release.helm("uninstall", NAME, "--no-hooks", "--ignore-not-found", check=False)
            for name in cluster.names("scriptmodels", shelf):  # whose finalizer nobody removes any more
                cluster.kubectl("patch", name, shelf, "--type=merge", '--patch={"metadata":{"finalizers":null}}')
            gone = ("--ignore-not-found", "--timeout=120s")
            cluster.kubectl("delete", "namespace", SHELF, WORKERS, NAMESPACE, *gone, check=False)


def commands(cluster: Running) -> list[str]:
    """The names of the pods whose command runs."""
    pods = cluster.get("pods", f"--namespace={WORKERS}")["items"]
    return [
        pod["metadata"]["name"]
        for pod in pods
        for status in pod["status"].get("initContainerStatuses", [])
        if status["name"] == "user" and "running" in status["state"]
    ]


def test_a_script_comes_with_no_other_installation_and_localpach_may_die_meanwhile(
    cluster: Running, engine: Pachyderm
) -> None:
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SHELF}})
    shelf = Namespace(cluster, SHELF)
    corpus = engine.corpus({"castle.txt": play(60)})
    spec = {"corpus": {"repo": {"name": corpus}}, "model": {"preset": "test"}, "generation": {"words": 50}}
    shelf.apply("castle", spec)
    cluster.until("the training runs in a pod", lambda: commands(cluster), within=180)
    cluster.kubectl("delete", "pod", f"{ENGINE}-0", f"--namespace={NAMESPACE}", "--grace-period=0", "--force")
    found = shelf.ready("castle", 300)
    assert found["status"]["script"]["excerpt"]
    events = cluster.get("events", f"--namespace={WORKERS}", "--field-selector=reason=SuccessfulCreate")["items"]
    trainings = {each["involvedObject"]["name"] for each in events if "-train-" in each["involvedObject"]["name"]}
    assert len(trainings) == 1, "a training was repeated"
    cluster.until("no pod is left", lambda: not cluster.names("pods", f"--namespace={WORKERS}"))
    assert "perplexity" in shelf.kubectl("get", "scriptmodel", "castle", "--output=wide").lower()


def run(engine: Pachyderm, name: str, *command: str) -> pps.JobInfo:
    """Run a command once in a pod of localpach's image, with a small corpus."""
    corpus = engine.corpus({"a.txt": "alpha"})
    request = pps.CreatePipelineRequest(pipeline=pps.Pipeline(name=name), datum_tries=1)
    request.transform.image = image("operator").tag
    request.transform.cmd.extend(command)
    request.input.pfs.repo, request.input.pfs.name, request.input.pfs.glob = corpus, "in", "/"
    engine.pps.CreatePipeline(request)
    job = pps.Job(pipeline=pps.Pipeline(name=name), id=engine.head(name))
    return engine.pps.InspectJob(pps.InspectJobRequest(job=job, wait=True), timeout=180)


def test_a_command_finds_no_way_out_of_its_pod(cluster: Running, engine: Pachyderm) -> None:
    script = Path(__file__).with_name("intruder.py").read_text()
    job = run(engine, "intruder", "python3", "-c", script, ADDRESS)
    assert job.state == pps.JOB_SUCCESS, job.reason
    answers = json.loads(engine.read("intruder", job.job.id, "/answers.json"))
    refused = ("UNAUTHENTICATED",) * 4
    assert tuple(answers[each] for each in answers if each.startswith(("the API", "inputs"))) == refused
    assert (answers["user"], answers["may write to"], answers["tokens"]) == (USER, [], [])
    assert answers["secrets of the cluster"] in (401, 403)
    # The token is where the upload runs, which a link in the output could make it read.
    job = run(engine, "thief", "ln", "-s", "/localpach/token", "/pfs/out/token")
    assert (job.state, job.data_failed) == (pps.JOB_FAILURE, 1)


def test_the_api_needs_the_token_and_workers_have_no_rights(cluster: Running, engine: Pachyderm) -> None:
    del engine
    with Pachyderm(f"{ADDRESS}:30650", "") as nobody, pytest.raises(Exception, match="no authentication token"):
        nobody.repos()
    can = ("auth", "can-i", "--list", f"--as=system:serviceaccount:{WORKERS}:default", f"--namespace={WORKERS}")
    assert "secrets" not in cluster.kubectl(*can)
    allowed = json.dumps(cluster.get("role", ENGINE, f"--namespace={WORKERS}")["rules"])
    assert '"get"' in allowed
