"""Kueue, built from its module, on a node with real pods: a queue, its quota and preemption.

`make kueue` builds Kueue once, starts the cluster and runs this. Kueue's manager is a process of this machine, which
reads a certificate in /etc.
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
from dev.programs import built as program
from tests.integration.cluster import condition, is_ready
from tests.integration.texts import play
from tests.node.release import Release
from tests.node.running import CommandFailedError, Namespace, Object, Running

CERTIFICATES = Path("/etc/kueue/metrics/certs")
"""Where Kueue looks for the certificate of its metrics, whatever its configuration says."""
KINDS = ("job", "workload", "clusterqueue", "resourceflavor")
"""Kinds whose webhooks the API server calls."""
API = "kueue.x-k8s.io/v1beta2"
TEAM = "team-of-kueue"


def definitions(port: int, certificate: bytes) -> Iterator[Object]:
    """Yield the definitions and webhooks of Kueue, whose server is a process of this machine."""
    folder, ca = program.kueue_sources() / "config" / "components", base64.b64encode(certificate).decode()
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
def running_kueue(cluster: Running, folder: Path) -> Iterator[None]:
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
    made = list(definitions(port, (folder / "tls.crt").read_bytes()))
    options = [f"--config={folder}/config.yaml", "--feature-gates=VisibilityOnDemand=false"]
    env = {"KUBECONFIG": str(cluster.kubeconfig), "POD_NAMESPACE": "kube-system"}
    manager = Program("kueue", [str(program.kueue()), *options], folder / "kueue.log", env=env)
    CERTIFICATES.mkdir(parents=True, exist_ok=True)
    try:
        apply(cluster, *made)
        names = [f"crd/{each['metadata']['name']}" for each in made if each["kind"] == "CustomResourceDefinition"]
        cluster.kubectl("wait", "--for=condition=Established", *names, "--timeout=300s")
        for name in ("tls.key", "tls.crt"):
            (CERTIFICATES / name).write_bytes((folder / name).read_bytes())
        manager.start()
        flavor = {"apiVersion": API, "kind": "ResourceFlavor", "metadata": {"name": "any"}}
        cluster.until("Kueue's webhooks answer", lambda: applied(cluster, flavor), 300)
        yield
    finally:
        queues = ("localqueues", "clusterqueues", "resourceflavors")
        for kind in queues:  # while Kueue runs, which removes its finalizers
            cluster.kubectl("delete", kind, "--all", "--all-namespaces", "--timeout=60s", check=False)
        manager.stop()
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": made[::-1]})
        cluster.kubectl("delete", "--ignore-not-found", "--wait=false", "--filename=-", stdin=text, check=False)
        shutil.rmtree(CERTIFICATES.parents[1])


def apply(cluster: Running, *made: Object) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": list(made)}
    cluster.kubectl("apply", "--server-side", "--filename=-", stdin=json.dumps(listed))  # some are too large otherwise


def applied(cluster: Running, made: Object) -> bool:
    """Apply an object; return whether the API server accepted it."""
    try:
        apply(cluster, made)
    except CommandFailedError:
        return False
    return True


@pytest.fixture
def team(cluster: Running, release: Release, current: Path, tmp_path: Path) -> Iterator[Namespace]:
    """A namespace with a queue whose quota is that of one training, and is held."""
    policy = {"queues": ["scripts"], "priorityClasses": ["urgent"]}
    release.deploy(current, replicas=1, policy=policy, watchNamespaces=[TEAM])
    urgent = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "urgent"}}
    place = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TEAM}}
    resources = [{"name": "cpu", "nominalQuota": "1"}, {"name": "memory", "nominalQuota": "4Gi"}]
    group = {"coveredResources": ["cpu", "memory"], "flavors": [{"name": "any", "resources": resources}]}
    quota = {"namespaceSelector": {}, "resourceGroups": [group], "stopPolicy": "Hold"}
    quota["preemption"] = {"withinClusterQueue": "LowerPriority"}
    whole = {"apiVersion": API, "kind": "ClusterQueue", "metadata": {"name": "one"}, "spec": quota}
    own = {"metadata": {"name": "scripts", "namespace": TEAM}, "spec": {"clusterQueue": "one"}}
    with running_kueue(cluster, tmp_path / "kueue"):
        apply(cluster, {**urgent, "value": 1000}, place, whole, {"apiVersion": API, "kind": "LocalQueue", **own})
        yield Namespace(cluster, TEAM)
        cluster.kubectl("delete", "scriptmodels", "--all", f"--namespace={TEAM}", "--timeout=90s", check=False)
        cluster.kubectl("delete", "namespace", TEAM, "--timeout=120s", check=False)
    cluster.kubectl("delete", "priorityclass", "urgent")


def train(team: Namespace, name: str, scenes: int, model: Object, **training: Any) -> None:
    about = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": TEAM}}
    team.running.apply({**about, "data": {"castle.txt": play(scenes)}})
    training |= {"queueName": "scripts", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}
    corpus = {"configMap": {"name": name}}
    team.apply(name, {"corpus": corpus, "model": model, "generation": {"words": 50}, "training": training})


def trainings(team: Namespace, name: str) -> list[Object]:
    selector = f"--selector=scriptmodel.dev/name={name},scriptmodel.dev/stage=train"
    found: list[Object] = team.running.get("jobs", f"--namespace={TEAM}", selector)["items"]
    return found


@pytest.mark.timeout(1800)
def test_a_training_waits_for_its_quota_and_resumes_after_a_preemption(team: Namespace) -> None:
    train(team, "long", 600, {"preset": "small", "overrides": {"epochs": 12}})
    waits = team.reason("long", "WaitingForQuota", 300)
    assert "waits for quota in queue scripts" in condition(waits)["message"]
    (job,) = trainings(team, "long")
    assert job["spec"]["suspend"]
    assert not team.kubectl("get", "pods", "--output=name")

    team.kubectl("patch", "clusterqueue", "one", "--type=merge", '-p={"spec":{"stopPolicy":"None"}}')
    team.wait_for("long", lambda each: each["status"].get("training", {}).get("progressPercent", 0) >= 3, 600)
    train(team, "urgent", 60, {"preset": "test"}, priorityClassName="urgent")
    team.wait_for("urgent", is_ready, 600)
    preempted = team.running.get("events", f"--namespace={TEAM}", "--field-selector=reason=Preempted")["items"]
    assert {"long-" in each["involvedObject"]["name"] for each in preempted} == {True}

    training = team.wait_for("long", is_ready, 900)["status"]["training"]
    assert training["restarts"] == 1
    assert training["resumedAt"], "from its checkpoint in the bucket"
    assert [each["metadata"]["uid"] for each in trainings(team, "long")] == [job["metadata"]["uid"]]
