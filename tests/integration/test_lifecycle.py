"""The life of a ScriptModel on the real API server and localpach.

The trainer learns nothing but where training is the subject. Its results are read in test_command_live.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dev.stack import ControlPlane, Localpach, Operator
from tests.held import epoch_done
from tests.integration.cluster import HELD_IMAGE, QUICK_IMAGE, Cluster, StatusWatch, condition, is_ready
from tests.integration.pachyderm import Pachyderm, place
from tests.integration.texts import play

pytestmark = pytest.mark.timeout(900)  # each test may wait for a training, on whatever machine
QUICK = {"image": QUICK_IMAGE}
FIRST_TRAINING = 400
SECONDS = 60


@dataclass
class Trained:
    """A ScriptModel that is Ready, and what it was made from."""

    cluster: Cluster
    name: str
    corpus: str
    spec: dict[str, Any]


@pytest.fixture(scope="module")
def trained(
    control_plane: ControlPlane, localpach: Localpach, operator: Operator, watched: StatusWatch
) -> Iterator[Trained]:
    """Created by kubectl apply, waited for until it is Ready."""
    cluster = Cluster.create(control_plane, "journey")
    with Pachyderm(localpach.address, namespace=cluster.namespace) as pachyderm:
        corpus = pachyderm.corpus({"/hamlet.txt": play()})
    spec = {"corpus": {"repo": {"name": corpus}}, "model": {"preset": "test"}, "generation": {"words": 60}}
    spec["training"] = QUICK
    cluster.apply("thrones", spec)
    cluster.ready("thrones", FIRST_TRAINING)
    yield Trained(cluster, "thrones", corpus, spec)
    watched.check()


def test_a_new_object_gets_a_script_and_its_lineage(trained: Trained, pachyderm: Pachyderm) -> None:
    found = trained.cluster.get(trained.name)
    status = found["status"]
    lineage = status["lineage"]
    text = pachyderm.read(*place(lineage["script"]), status["script"]["path"])
    assert text.startswith(status["script"]["excerpt"])
    assert len(text.encode()) == status["script"]["sizeBytes"]
    assert status["script"]["words"] == 60
    assert lineage["corpus"].partition("@")[2] == pachyderm.head(trained.corpus)
    assert status["training"]["epochProgress"] == "1/1"
    assert [each["version"] for each in status["pipelines"]] == [1, 1]


def test_kubectl_get_shows_the_status_in_columns(trained: Trained) -> None:
    header, row, *_rest = trained.cluster.kubectl("get", "sm").splitlines()
    assert header.split() == ["NAME", "READY", "STATUS", "PRESET", "EPOCH", "PERPLEXITY", "AGE"]
    assert row.split()[:5] == [trained.name, "True", "Generated", "test", "1/1"]
    header, row, *_rest = trained.cluster.kubectl("get", "sm", "-o", "wide").splitlines()
    assert header.split()[7:] == ["TEST", "TRIALS", "WPS", "ETA", "MODEL", "MESSAGE"]
    assert trained.cluster.get(trained.name)["status"]["lineage"]["model"] in row
    assert trained.name in trained.cluster.kubectl("get", "all")


def test_kubectl_wait_and_describe_work(trained: Trained) -> None:
    trained.cluster.kubectl("wait", "--for=condition=Ready", f"sm/{trained.name}", "--timeout=5s")
    text = trained.cluster.kubectl("describe", "sm", trained.name)
    for reason in ("Creating", "Generated"):
        assert reason in text
    reasons = [line.split()[1] for line in text.partition("Events:")[2].splitlines()[3:] if line.split()]
    assert len(reasons) == len(set(reasons)), f"an event for each transition, once: {reasons}"
    assert reasons.index("Creating") < reasons.index("Generated"), "in the order of time"


def test_the_object_carries_nothing_of_kopfs_own(trained: Trained) -> None:
    metadata = trained.cluster.get(trained.name)["metadata"]
    assert metadata["finalizers"] == ["scriptmodel.dev/pipelines"]
    expected = {"kubectl.kubernetes.io/last-applied-configuration", "scriptmodel.dev/engine"}
    assert set(metadata["annotations"]) == expected


def test_another_generation_writes_a_new_script_without_training(trained: Trained, pachyderm: Pachyderm) -> None:
    before = trained.cluster.ready(trained.name)
    versions = pachyderm.versions(before)
    trained.spec["generation"] = {"words": 40, "seed": 5}
    trained.cluster.apply(trained.name, trained.spec)
    after = trained.cluster.ready(trained.name, FIRST_TRAINING)
    assert pachyderm.versions(after) == {"train": versions["train"], "generate": versions["generate"] + 1}
    assert after["status"]["lineage"]["model"] == before["status"]["lineage"]["model"]
    assert after["status"]["script"]["excerpt"] != before["status"]["script"]["excerpt"]
    train = after["status"]["pipelines"][0]["name"]
    assert [job.job.id for job in pachyderm.jobs(train)] == [after["status"]["lineage"]["model"].partition("@")[2]]


def test_a_new_commit_in_the_corpus_trains_again(trained: Trained, pachyderm: Pachyderm) -> None:
    before = trained.cluster.ready(trained.name)
    versions = pachyderm.versions(before)
    pachyderm.put(trained.corpus, {"/macbeth.txt": play(title="The Heath")})
    newest = pachyderm.head(trained.corpus)

    def has_newest(found: dict[str, Any]) -> bool:
        return is_ready(found) and found["status"]["lineage"]["corpus"].partition("@")[2] == newest

    after = trained.cluster.wait_for(trained.name, has_newest, FIRST_TRAINING)
    assert pachyderm.versions(after) == versions, "no pipeline was written for it"
    assert after["status"]["lineage"]["model"].partition("@")[2] == newest


def test_a_restart_with_another_default_image_leaves_an_object_unchanged(
    cluster: Cluster,
    pachyderm: Pachyderm,
    localpach: Localpach,
    operator_kubeconfig: Path,
    shared_operator_paused: None,
    tmp_path: Path,
) -> None:
    def operator(image: str) -> Operator:
        options = ["--poll-interval=0.3", f"--namespace={cluster.namespace}"]
        root = tmp_path / image.partition(":")[0]
        return Operator(root, operator_kubeconfig, localpach.address, trainer_image=image, options=options)

    spec = {"corpus": {"repo": {"name": pachyderm.corpus({"/hamlet.txt": play()})}}}
    with operator(QUICK_IMAGE):
        cluster.apply("kept", spec)
        versions = pachyderm.versions(cluster.ready("kept"))
    with operator("scriptmodel-trainer:next"):
        cluster.apply("kept", spec, {"scriptmodel.dev/reconcile-at": "upgraded"})
        after = cluster.wait_for(
            "kept", lambda found: found["status"].get("lastHandledReconcileAt") == "upgraded", SECONDS
        )
        assert is_ready(after)
        assert pachyderm.versions(after) == versions
        resource_version = after["metadata"]["resourceVersion"]
    assert cluster.get("kept")["metadata"]["resourceVersion"] == resource_version


def test_deletion_removes_pipelines_and_their_repos_and_leaves_the_corpus(
    trained: Trained, pachyderm: Pachyderm
) -> None:
    names = {each["name"] for each in trained.cluster.get(trained.name)["status"]["pipelines"]}
    assert names <= set(pachyderm.pipelines())
    assert names <= pachyderm.repos()
    trained.cluster.delete(trained.name)
    assert not names & set(pachyderm.pipelines())
    assert not names & pachyderm.repos()
    assert trained.corpus in pachyderm.repos()
    assert pachyderm.head(trained.corpus)


def test_progress_moves_while_it_trains(cluster: Cluster, operator: Operator, pachyderm: Pachyderm, hold: Path) -> None:
    corpus = pachyderm.corpus({"/hamlet.txt": play()})
    spec = {"corpus": {"repo": {"name": corpus}}, "training": {"image": HELD_IMAGE}}
    spec["model"] = {"preset": "test", "overrides": {"epochs": 3}}
    hold.write_text(epoch_done(1))
    cluster.apply("long", spec)

    def reached(percent: int) -> dict[str, Any]:
        def has_reached(found: dict[str, Any]) -> bool:
            return bool(found.get("status", {}).get("training", {}).get("progressPercent", 0) >= percent)

        found: dict[str, Any] = cluster.wait_for("long", has_reached, FIRST_TRAINING)["status"]
        assert condition({"status": found})["reason"] == "Training"
        return found["training"]

    assert reached(33)["epochProgress"] == "1/3"
    hold.write_text(epoch_done(2))
    training = reached(66)
    assert training["epochProgress"] == "2/3"
    assert float(training["perplexity"]["best"]) > 1
    assert training["wordsPerSecond"] > 0
    assert training["eta"]
    # Suspended, the job is killed; resumed, it starts again; deleted, it is stopped with its pipelines.
    cluster.apply("long", {**spec, "suspend": True})
    cluster.reason("long", "Suspended")
    names = [each["name"] for each in cluster.get("long")["status"]["pipelines"]]
    assert all(pachyderm.pipelines()[name].stopped for name in names)
    cluster.kubectl("patch", "sm", "long", "--type=merge", "-p", json.dumps({"spec": {"suspend": False}}))
    cluster.reason("long", "Training", FIRST_TRAINING)
    cluster.delete("long")
    assert not set(names) & set(pachyderm.pipelines())


def test_a_config_map_is_trained_on_and_each_change_trains_again(
    cluster: Cluster, operator: Operator, pachyderm: Pachyderm, tmp_path: Path
) -> None:
    spec = {"corpus": {"configMap": {"name": "plays"}}, "training": QUICK, "generation": {"words": 30}}
    cluster.apply("small", spec)
    found = cluster.reason("small", "ConfigMapNotFound", SECONDS)
    assert "kubectl create configmap plays" in condition(found)["message"]
    (tmp_path / "hamlet.txt").write_text(play())
    cluster.kubectl("create", "configmap", "plays", f"--from-file={tmp_path}")
    found = cluster.ready("small", FIRST_TRAINING)
    repo, corpus = place(found["status"]["lineage"]["corpus"])
    assert pachyderm.read(repo, corpus, "/hamlet.txt") == play()
    patch = json.dumps({"data": {"macbeth.txt": play(3, "The Heath")}})
    cluster.kubectl("patch", "configmap", "plays", "--type=merge", "-p", patch)
    cluster.wait_for("small", lambda _found: pachyderm.head(repo) != corpus, SECONDS)
    newest = pachyderm.head(repo)
    assert pachyderm.read(repo, newest, "/macbeth.txt") == play(3, "The Heath")
    assert pachyderm.read(repo, newest, "/hamlet.txt") == play()
    names = {repo, *(each["name"] for each in found["status"]["pipelines"])}
    cluster.delete("small")
    assert not names & pachyderm.repos()
