"""Kueue, built from its module, over Jobs and a bucket: a queue, its quota and preemption.

`make kueue` builds Kueue once and runs this. It needs root, since Kueue reads a certificate in /etc.
"""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.processes import Program, free_port
from dev.programs import kueue as program
from dev.stack import ControlPlane, Operator
from dev.stack.s3 import S3Server
from tests.integration.cluster import Cluster, condition, is_ready
from tests.integration.texts import play
from tests.kueue.pods import Kubelet, controllers, kubelet

Object = dict[str, Any]
CERTIFICATES = Path("/etc/kueue/metrics/certs")
"""Where Kueue looks for the certificate of its metrics, whatever its configuration says."""
KINDS = ("job", "workload", "clusterqueue", "resourceflavor")
"""Kinds whose webhooks the API server calls."""
API = "kueue.x-k8s.io/v1beta2"


def definitions(port: int, certificate: bytes) -> Iterator[Object]:
    """Yield the definitions and webhooks of Kueue, whose server is a process of this machine."""
    folder, ca = program.sources() / "config" / "components", base64.b64encode(certificate).decode()
    for path in sorted((folder / "crd" / "bases").glob("*.yaml")):
        definition = yaml.safe_load(path.read_text())
        if (folder / "crd" / "patches" / f"webhook_in_{definition['spec']['names']['plural']}.yaml").exists():
            client = {"url": f"https://127.0.0.1:{port}/convert", "caBundle": ca}
            webhook = {"clientConfig": client, "conversionReviewVersions": ["v1"]}
            definition["spec"]["conversion"] = {"strategy": "Webhook", "webhook": webhook}
        yield definition
    for made in yaml.safe_load_all((folder / "webhook" / "manifests.yaml").read_text()):
        made["webhooks"] = [each for each in made["webhooks"] if each["name"][1:].removesuffix(".kb.io") in KINDS]
        for each in made["webhooks"]:
            path = each["clientConfig"]["service"]["path"]
            each["clientConfig"] = {"url": f"https://127.0.0.1:{port}{path}", "caBundle": ca}
        yield made


@contextmanager
def running_kueue(control_plane: ControlPlane, folder: Path) -> Iterator[None]:
    folder.mkdir()
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1", "-nodes"]
    files = ["-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", *subject, *files], check=True, capture_output=True
    )
    port, (health, metrics) = free_port(), (f"127.0.0.1:{free_port()}" for _ in range(2))
    config = {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "health": {"healthProbeBindAddress": health},
        "metrics": {"bindAddress": metrics},
        "webhook": {"host": "127.0.0.1", "port": port, "certDir": str(folder)},
        "leaderElection": {"leaderElect": False},
        "internalCertManagement": {"enable": False},
        "integrations": {"frameworks": ["batch/job"]},
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    for each in definitions(port, (folder / "tls.crt").read_bytes()):
        apply(control_plane, each)
    control_plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=300s")
    options = [f"--config={folder}/config.yaml", "--feature-gates=VisibilityOnDemand=false"]
    env = {"KUBECONFIG": str(control_plane.kubeconfig), "POD_NAMESPACE": "kube-system"}
    made = Program("kueue", [str(program.kueue()), *options], folder / "kueue.log", env=env)
    CERTIFICATES.mkdir(parents=True, exist_ok=True)
    try:
        for name in ("tls.key", "tls.crt"):
            (CERTIFICATES / name).write_bytes((folder / name).read_bytes())
        made.start()
        flavor = {"apiVersion": API, "kind": "ResourceFlavor", "metadata": {"name": "any"}}
        made.wait_until(lambda: apply(control_plane, flavor, check=False), within=300)
        yield
    finally:
        made.stop()
        shutil.rmtree(CERTIFICATES.parents[1])


def apply(control_plane: ControlPlane, made: Object, *, check: bool = True) -> bool:
    """Apply an object; return whether the API server took it."""
    words = ("apply", "--server-side", "-f", "-")
    return control_plane.kubectl(*words, stdin=json.dumps(made), check=check).returncode == 0


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A namespace with a queue whose quota is that of one training."""
    control_plane, s3 = ControlPlane(tmp_path / "cluster"), S3Server(tmp_path / "s3")
    with control_plane, s3, controllers(control_plane, tmp_path), running_kueue(control_plane, tmp_path / "kueue"):
        control_plane.kubectl("apply", "--server-side", "-f", "manifests/crd.yaml")
        control_plane.wait_for_definitions()
        made = Cluster.create(control_plane, "team")
        resources = [{"name": "cpu", "nominalQuota": "1"}, {"name": "memory", "nominalQuota": "4Gi"}]
        group = {"coveredResources": ["cpu", "memory"], "flavors": [{"name": "any", "resources": resources}]}
        quota = {"namespaceSelector": {}, "resourceGroups": [group], "stopPolicy": "Hold"}
        quota["preemption"] = {"withinClusterQueue": "LowerPriority"}
        apply(control_plane, {"apiVersion": API, "kind": "ClusterQueue", "metadata": {"name": "one"}, "spec": quota})
        queue = {"metadata": {"name": "scripts", "namespace": made.namespace}, "spec": {"clusterQueue": "one"}}
        apply(control_plane, {"apiVersion": API, "kind": "LocalQueue", **queue})
        urgent = {"kind": "PriorityClass", "metadata": {"name": "urgent"}, "value": 1000}
        apply(control_plane, {"apiVersion": "scheduling.k8s.io/v1", **urgent})
        options = [f"--storage={s3.url}/queues", f"--storage-endpoint={s3.endpoint}", "--poll-interval=1"]
        options += ["--cluster-id=test", "--allow-queue=scripts", "--allow-priority-class=urgent"]
        with Operator(tmp_path, control_plane.kubeconfig, options=options, env=s3.credentials):
            yield made


@pytest.fixture
def pods(cluster: Cluster, tmp_path: Path) -> Iterator[Kubelet]:
    with kubelet(cluster.control_plane, cluster.namespace, tmp_path) as running:
        yield running


def train(cluster: Cluster, name: str, scenes: int, model: Object, **training: Any) -> None:
    plays = {"metadata": {"name": name}, "data": {"castle.txt": play(scenes)}}
    cluster.control_plane.api.post(f"/api/v1/namespaces/{cluster.namespace}/configmaps", plays)
    training |= {"queueName": "scripts", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}
    corpus = {"configMap": {"name": name}}
    cluster.apply(name, {"corpus": corpus, "model": model, "generation": {"words": 50}, "training": training})


def trainings(cluster: Cluster, name: str) -> list[Object]:
    selector = f"scriptmodel.dev/name={name},scriptmodel.dev/stage=train"
    found: list[Object] = json.loads(cluster.kubectl("get", "jobs", "-l", selector, "-o", "json"))["items"]
    return found


@pytest.mark.timeout(1800)
def test_a_training_waits_for_its_quota_and_resumes_after_a_preemption(cluster: Cluster, pods: Kubelet) -> None:
    train(cluster, "long", 600, {"preset": "small", "overrides": {"epochs": 12}})
    waits = cluster.reason("long", "WaitingForQuota", 300)
    assert "waits for quota in queue scripts" in condition(waits)["message"]
    (job,) = trainings(cluster, "long")
    assert job["spec"]["suspend"]
    assert not pods.pods

    cluster.kubectl("patch", "clusterqueue", "one", "--type=merge", '-p={"spec":{"stopPolicy":"None"}}')
    cluster.wait_for("long", lambda each: each["status"].get("training", {}).get("progressPercent", 0) >= 3, 600)
    train(cluster, "urgent", 60, {"preset": "test"}, priorityClassName="urgent")
    cluster.wait_for("urgent", is_ready, 600)
    assert [name.startswith("long-") for name in pods.signalled] == [True], "Kueue preempted the other training"

    training = cluster.wait_for("long", is_ready, 900)["status"]["training"]
    assert training["restarts"] == 1
    assert training["resumedAt"], "from its checkpoint in the bucket"
    assert [each["metadata"]["uid"] for each in trainings(cluster, "long")] == [job["metadata"]["uid"]]
