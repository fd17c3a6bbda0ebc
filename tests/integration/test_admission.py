"""The API server refuses invalid objects with a clear message, and drops no valid field."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dev.paths import ROOT
from dev.stack import ControlPlane
from scriptmodel_cli.local.object_file import checked
from scriptmodel_operator.api.spec import ScriptModelSpec
from tests.integration.cluster import Cluster, manifest
from tests.integration.specs import REFUSED, REPO, TAKEN


@pytest.fixture(scope="module")
def cluster(control_plane: ControlPlane) -> Cluster:
    """One namespace for all tests, which store next to nothing."""
    return Cluster.create(control_plane)


@REFUSED
def test_malformed_objects_are_refused_with_the_field_and_the_reason(
    cluster: Cluster, spec: dict[str, Any], words: str
) -> None:
    answer = cluster.submit("bad", {"corpus": REPO, **spec})
    assert (answer["kind"], answer.get("reason")) == ("Status", "Invalid"), answer
    text = answer["message"]
    assert words in text
    assert not re.search(r"should match|failed rule|no such|evaluat", text), f"this is for machines: {text}"


@TAKEN
def test_values_that_kubernetes_accepts_are_accepted(cluster: Cluster, training: dict[str, Any]) -> None:
    answer = cluster.submit("good", {"corpus": REPO, "training": training})
    assert answer["kind"] == "ScriptModel", answer


def test_the_documented_refusal_of_an_unquoted_number_is_what_the_api_server_prints(cluster: Cluster) -> None:
    page = (ROOT / "docs/guide/troubleshooting.md").read_text()
    documented = page.partition("## kubectl apply is refused")[2].partition("thrones.yaml\n")[2].partition("```")[0]
    spec = json.dumps(manifest("thrones", {"corpus": REPO, "generation": {"temperature": 0.8}}))
    printed = cluster.kubectl("apply", "-f", "-", stdin=spec, check=False)
    assert " ".join(printed.split()) == " ".join(documented.split())


def test_the_project_cannot_be_changed(cluster: Cluster) -> None:
    dry = ["apply", "-f", "-"]
    cluster.kubectl(*dry, stdin=json.dumps(manifest("fixed", {"corpus": REPO, "suspend": True})))
    changed = json.dumps(manifest("fixed", {"corpus": REPO, "pachyderm": {"project": "other"}}))
    assert "pachyderm.project cannot be changed" in cluster.kubectl(*dry, stdin=changed, check=False)


def test_nothing_valid_is_dropped_and_defaults_are_filled_in(cluster: Cluster) -> None:
    spec = {
        "corpus": {"repo": {"name": "GoT_scripts", "branch": "main", "project": "team"}, "layout": "plain"},
        "model": {
            "preset": "small",
            "overrides": {
                "epochs": 2,
                "learningRate": "0.5",
                "dropout": "0.25",
                "vocabularySize": 100,
            },
            "seed": 7,
        },
        "training": {
            "image": "trainer:2",
            "gpu": {"resource": "amd.com/gpu", "required": True},
            "resources": {"requests": {"cpu": 2, "memory": "4Gi"}, "limits": {"cpu": "2500m"}},
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [
                {"key": "gpu", "operator": "Exists", "value": "", "effect": "NoExecute", "tolerationSeconds": 30}
            ],
            "priorityClassName": "high",
            "runtimeClassName": "nvidia",
            "imagePullSecrets": [{"name": "registry"}],
            "checkpoints": {"claimName": "checkpoints"},
            "pendingDeadline": "1h30m",
            "activeDeadline": "2d",
            "backoffLimit": 0,
            "queueName": "gpus",
            "onlyIfBetter": True,
        },
        "generation": {
            "words": 50,
            "temperature": "1.2",
            "topP": "0.5",
            "seed": 3,
            "prompt": "Winter is",
            "speaker": "JON",
            "cast": ["JON", "MRS. O'NEIL"],
            "scene": "EXT. WALL - NIGHT",
            "continue": {"configMap": {"name": "wall", "key": "scene.txt"}, "onlyNew": True},
            "samples": 2,
            "copies": "avoid",
        },
        "pachyderm": {"project": "team"},
        "deletionPolicy": "Retain",
        "suspend": True,
    }
    sources: list[dict[str, Any]] = [
        spec["corpus"],
        {"http": {"urls": ["https://example.com/a@b/c?d=e@f"], "interval": "1d"}, "layout": "auto"},
        {"configMap": {"name": "my-plays"}, "layout": "auto"},
    ]
    for corpus in sources:
        wanted = {**spec, "corpus": corpus}
        assert cluster.submit("full", wanted)["spec"] == wanted
    base = {"repo": {"name": "models", "branch": "main", "project": "team"}}
    for model in (
        {"from": base},
        {"from": {"scriptModel": "shakespeare"}},
        {"base": "drama-en"},
        {"preset": "auto", "minutes": 30},
    ):
        wanted = {**spec, "model": {**spec["model"], **model}}
        assert cluster.submit("full", wanted)["spec"] == wanted
    search = {
        "parameters": [
            {"name": "epochs", "categorical": {"values": ["8", "16"]}},
            {"name": "learningRate", "logUniform": {"min": "2e-3", "max": "0.02"}},
            {"name": "vocabularySize", "uniform": {"min": "16", "max": "1000000"}},
        ],
        "algorithm": "random",
        "numTrials": 16,
        "parallelTrials": 4,
        "repeats": 2,
    }
    wanted = {"corpus": REPO, "model": {"preset": "tuned"}, "search": search}
    assert cluster.submit("searched", wanted)["spec"]["search"] == search
    bare = cluster.submit("bare", {"corpus": REPO})["spec"]
    assert bare["corpus"] == {"repo": {"name": "plays", "branch": "master", "project": "default"}, "layout": "auto"}
    assert bare["generation"]["words"] == 1000
    assert "gpu" not in bare["training"]


def test_without_a_cluster_the_same_defaults_are_filled_in(cluster: Cluster) -> None:
    spec = {
        "corpus": {"configMap": {"name": "plays"}},
        "training": {"gpu": {}, "tolerations": [{"key": "gpu"}], "resources": {"requests": {"cpu": 2}}},
    }
    stored = cluster.submit("bare", spec)["spec"]
    assert ScriptModelSpec.model_validate(checked(spec)) == ScriptModelSpec.model_validate(stored)


@pytest.mark.parametrize("sample", sorted(Path("manifests/samples").glob("*.yaml")), ids=lambda path: path.stem)
def test_samples_are_taken_as_they_are(cluster: Cluster, sample: Path) -> None:
    text = cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", str(sample))
    assert "created (server dry run)" in text
