"""The life of a release on a real node, in order: each test continues where the previous one ended.

Installed, used, drained, and taken away in both ways. Its upgrade is in test_upgrade.py.
"""

import json
from pathlib import Path

import pytest

from dev.cluster.node import NAME as NODE
from dev.paths import ROOT
from tests.integration.cluster import condition
from tests.integration.texts import play
from tests.node.conftest import GPU, SCRIPTMODEL
from tests.node.engines import Engine
from tests.node.release import NAME, NAMESPACE, PODS, Release
from tests.node.running import Namespace, Object, Person, Running, lasting

pytestmark = pytest.mark.timeout(900)

CRD = "customresourcedefinition.apiextensions.k8s.io/scriptmodels.scriptmodel.dev"
SAMPLE = ROOT / "manifests" / "samples" / "shakespeare.yaml"
TRAINING = 600
"""The time limit in seconds for training on a small corpus on a slow machine, with the pods of a real Pachyderm."""
STATUS_OF_PID_1 = """
import pathlib
print(pathlib.Path("/proc/1/status").read_text())
try:
    pathlib.Path("/probe").touch()
except OSError as error:
    print("Root:", error.strerror)
"""


def versions(found: Object) -> dict[str, int]:
    """Return those of an object's pipelines, by the last part of their names."""
    return {each["name"].rpartition("-")[2]: each["version"] for each in found["status"]["pipelines"]}


def offer(cluster: Running, gpus: str | None) -> None:
    """Have the node's status offer so many GPUs; None for none at all."""
    offered = {"nvidia.com/gpu": gpus}
    patch = json.dumps({"status": {"capacity": offered, "allocatable": offered}})
    cluster.kubectl("patch", "node", NODE, "--subresource=status", "--type=merge", f"--patch={patch}")


def test_two_replicas_install(release: Release, current: Path) -> None:
    release.deploy(current)
    assert len(release.ready()) == 2


def test_the_operator_runs_restricted(release: Release, cluster: Running) -> None:
    pod = release.pods()[0]["metadata"]["name"]
    said = cluster.kubectl("exec", pod, f"--namespace={NAMESPACE}", "--", "python3", "-c", STATUS_OF_PID_1)
    facts = {line.partition(":")[0]: line.partition(":")[2].split() for line in said.splitlines() if ":" in line}
    assert facts["Uid"] == ["65532"] * 4
    assert facts["Root"] == ["Read-only", "file", "system"]
    assert int(facts["CapEff"][0], 16) == int(facts["CapBnd"][0], 16) == 0
    assert facts["NoNewPrivs"] == ["1"]
    assert facts["Seccomp"] == ["2"]


def test_helm_test_passes_and_shows_its_log(release: Release, cluster: Running) -> None:
    said = release.helm("test", NAME, "--timeout=3m", "--logs")
    assert "Phase:          Succeeded" in said
    assert " answers" in said.partition("POD LOGS")[2]
    cluster.kubectl("delete", "pod", f"{NAME}-scriptmodel-operator-check", f"--namespace={NAMESPACE}")  # it stays


def test_a_sample_becomes_ready(plays: Namespace, writer: Person) -> None:
    writer.push({"castle.txt": play(60)}, SCRIPTMODEL)
    plays.kubectl("apply", f"--filename={SAMPLE}")
    found = plays.ready(SCRIPTMODEL, TRAINING)
    text = writer.scriptmodel("script", SCRIPTMODEL)
    assert len(text.split()) > 100
    assert text.startswith(found["status"]["script"]["excerpt"][:100])


def test_a_training_with_a_gpu_waits_until_the_node_offers_one(cluster: Running, plays: Namespace) -> None:
    offer(cluster, None)  # an earlier run on this cluster may have left one
    corpus = {"repo": {"name": SCRIPTMODEL}}
    plays.apply(GPU, {"corpus": corpus, "model": {"preset": "test"}, "training": {"gpu": {}}})
    cluster.until(
        "no node has a GPU", lambda: "Insufficient nvidia.com/gpu" in cluster.kubectl("describe", "pods", "-A")
    )
    offer(cluster, "1")
    assert plays.ready(GPU, TRAINING)["status"]["perplexity"]
    plays.kubectl("delete", "scriptmodel", GPU, "--timeout=120s")
    offer(cluster, None)


def test_an_operator_keeps_running_while_the_node_is_drained(
    release: Release, cluster: Running, plays: Namespace
) -> None:
    trained = plays.get(SCRIPTMODEL)["status"]["lineage"]["model"].partition("@")[2]
    drain = ["drain", NODE, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=20s"]
    selected = f"--pod-selector={PODS.partition('=')[2]}"
    said = cluster.kubectl(*drain, selected, check=False)
    assert "would violate the pod's disruption budget" in said, said
    assert len(release.ready()) == 1
    before = versions(plays.get(SCRIPTMODEL))
    plays.kubectl("patch", "sm", SCRIPTMODEL, "--type=merge", '--patch={"spec":{"generation":{"words":300}}}')
    updated = before | {"generate": before["generate"] + 1}
    cluster.until("the pipeline is updated", lambda: versions(plays.get(SCRIPTMODEL)) == updated)
    cluster.kubectl("uncordon", NODE)  # or a real Pachyderm would find no node for its worker
    found = plays.ready(SCRIPTMODEL, TRAINING)
    assert found["status"]["lineage"]["model"].partition("@")[2] == trained
    cluster.until("both pods are back", release.is_whole)


def test_an_evicted_leader_is_replaced(release: Release, cluster: Running, plays: Namespace) -> None:
    lease = cluster.get("lease", "scriptmodel-operator", f"--namespace={NAMESPACE}")
    leader = next(
        pod["metadata"]["name"] for pod in release.pods() if pod["metadata"]["name"] in lease["spec"]["holderIdentity"]
    )
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": leader, "namespace": NAMESPACE},
    }
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{leader}/eviction"
    cluster.kubectl("create", f"--raw={path}", "--filename=-", stdin=json.dumps(eviction))
    plays.looked_at_anew(SCRIPTMODEL, "2026-01-03T00:00:00Z")
    cluster.until("both pods are back", lambda: release.is_whole() and leader not in json.dumps(release.pods()))


def test_uninstall_fails_while_scriptmodels_exist(release: Release, plays: Namespace) -> None:
    said = release.helm("uninstall", NAME, "--wait", "--timeout=3m", check=False)
    assert f"plays/{SCRIPTMODEL}" in said, said
    assert len(release.ready()) == 2
    plays.looked_at_anew(SCRIPTMODEL, "2026-01-04T00:00:00Z")


def test_without_scriptmodels_it_uninstalls_and_leaves_the_crd_and_the_data_alone(
    release: Release, plays: Namespace, engine: Engine, cluster: Running
) -> None:
    mine = {each["name"] for each in plays.get(SCRIPTMODEL)["status"]["pipelines"]}
    plays.kubectl("delete", "scriptmodel", SCRIPTMODEL, "--timeout=180s")
    assert not mine & engine.names()
    assert SCRIPTMODEL in engine.names(), "the corpus was there before"
    release.helm("uninstall", NAME, "--wait", "--timeout=3m")
    kept = sorted([CRD, *engine.lasting])
    cluster.until("only what is kept is left", lambda: release.leftovers() == kept)


def test_uninstall_without_the_refusal_leaves_models_and_pipelines_as_they_are(
    release: Release, current: Path, plays: Namespace, engine: Engine, cluster: Running
) -> None:
    release.deploy(current, uninstall={"policy": "off"})
    corpus = {"repo": {"name": "shakespeare"}}
    plays.apply(SCRIPTMODEL, {"corpus": corpus, "model": {"preset": "test"}, "generation": {"words": 50}})
    before = plays.ready(SCRIPTMODEL, TRAINING)
    mine = {each["name"] for each in before["status"]["pipelines"]}
    release.helm("uninstall", NAME, "--wait", "--timeout=5m")
    after = plays.get(SCRIPTMODEL)
    assert lasting(after) == lasting(before)
    assert condition(after)["status"] == "True"
    assert mine <= engine.names()
    plays.kubectl("patch", "scriptmodel", SCRIPTMODEL, "--type=merge", '--patch={"metadata":{"finalizers":null}}')
    plays.kubectl("delete", "scriptmodel", SCRIPTMODEL, "--timeout=20s")
    engine.delete_pipelines(mine)
    cluster.until("only what is kept is left", lambda: release.leftovers() == sorted([CRD, *engine.lasting]))
