"""What the API server refuses at apply, with a message that a person understands; and that nothing valid is dropped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scriptmodel_operator.local.schema import admitted
from tests.integration.cluster import Cluster, manifest

REPO = {"repo": {"name": "plays"}}


REFUSED = pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({}, "spec.corpus: Required value"),
        ({"corpus": {}}, "name exactly one source of the corpus"),
        ({"corpus": {**REPO, "configMap": {"name": "x"}}}, "name exactly one source of the corpus"),
        ({"corpus": {"http": {}}}, "spec.corpus.http.url: Required value"),
        ({"corpus": {"http": {"url": "ftp://example.com/a.tar"}}}, "spec.corpus.http.url"),
        ({"corpus": {"http": {"url": "file:///etc/passwd"}}}, "spec.corpus.http.url"),
        ({"corpus": {"http": {"url": "https://me:word@example.com/a.tar"}}}, "must not have a user or password in it"),
        ({"corpus": {"http": {"url": "https://example.com/a", "sha256": "abc"}}}, "spec.corpus.http.sha256"),
        ({"corpus": {"http": {"url": "https://example.com/a", "maxSizeMi": 0}}}, "spec.corpus.http.maxSizeMi"),
        ({"corpus": {"http": {"url": "https://example.com/a", "include": [""]}}}, "spec.corpus.http.include[0]"),
        ({"corpus": {"http": {"url": "https://example.com/a", "interval": "0s"}}}, "interval must be more than 0"),
        ({"corpus": {"configMap": {"name": "No Such"}}}, "spec.corpus.configMap.name"),
        ({"corpus": {"repo": {"name": "a.b"}}}, "spec.corpus.repo.name in body should match"),
        ({"corpus": {"repo": {"name": ""}}}, "spec.corpus.repo.name"),
        ({"corpus": {"repo": {}}}, "spec.corpus.repo.name: Required value"),
        ({"corpus": {**REPO, "layout": "yaml"}}, "spec.corpus.layout: Unsupported value"),
        ({"corpus": REPO, "model": {"preset": "huge"}}, "spec.model.preset: Unsupported value"),
        ({"corpus": REPO, "model": {"overrides": {"epochs": 0}}}, "spec.model.overrides.epochs"),
        ({"corpus": REPO, "model": {"overrides": {"dropout": "1.5"}}}, "dropout must be at most 0.95"),
        ({"corpus": REPO, "model": {"overrides": {"dropout": "much"}}}, "spec.model.overrides.dropout"),
        ({"corpus": REPO, "model": {"seed": -1}}, "spec.model.seed"),
        ({"corpus": REPO, "generation": {"words": 0}}, "spec.generation.words"),
        ({"corpus": REPO, "generation": {"words": "many"}}, "spec.generation.words"),
        ({"corpus": REPO, "generation": {"temperature": "11"}}, "temperature must be at most 10"),
        ({"corpus": REPO, "generation": {"temperature": 0.8}}, "spec.generation.temperature"),
        ({"corpus": REPO, "generation": {"topP": "1.5"}}, "topP must be above 0 and at most 1"),
        ({"corpus": REPO, "training": {"gpu": {"count": 0}}}, "spec.training.gpu.count"),
        ({"corpus": REPO, "training": {"gpu": {"resource": "gpu"}}}, "spec.training.gpu.resource"),
        ({"corpus": REPO, "training": {"resources": {"limits": {"memory": "lots"}}}}, "limits.memory"),
        ({"corpus": REPO, "training": {"activeDeadline": "soon"}}, "spec.training.activeDeadline"),
        ({"corpus": REPO, "training": {"backoffLimit": 11}}, "spec.training.backoffLimit"),
        ({"corpus": REPO, "training": {"tolerations": [{"operator": "Maybe"}]}}, "tolerations[0].operator"),
        ({"corpus": REPO, "training": {"image": "no spaces allowed"}}, "spec.training.image"),
        ({"corpus": REPO, "pachyderm": {"project": "a-name-that-is-too-long"}}, "spec.pachyderm.project"),
        ({"corpus": REPO, "deletionPolicy": "Forget"}, "spec.deletionPolicy: Unsupported value"),
        ({"corpus": REPO, "driftPolicy": "Ignore"}, "spec.driftPolicy: Unsupported value"),
        ({"corpus": REPO, "suspend": "yes"}, "spec.suspend"),
        ({"corpus": REPO, "historyLimit": 51}, "spec.historyLimit"),
    ],
)


@REFUSED
def test_malformed_objects_are_refused_with_the_field_and_the_reason(
    cluster: Cluster, spec: dict[str, Any], words: str
) -> None:
    assert words in cluster.refusal("bad", spec)


def test_the_project_cannot_be_changed(cluster: Cluster) -> None:
    dry = ["apply", "-f", "-"]
    cluster.kubectl(*dry, stdin=json.dumps(manifest("fixed", {"corpus": REPO, "suspend": True})))
    text = cluster.refusal("fixed", {"corpus": REPO, "pachyderm": {"project": "other"}})
    assert "pachyderm.project cannot be changed" in text


def test_nothing_valid_is_dropped_and_defaults_are_filled_in(cluster: Cluster) -> None:
    spec = {
        "corpus": {"repo": {"name": "GoT_scripts", "branch": "main", "project": "team"}, "layout": "plain"},
        "model": {
            "preset": "small",
            "overrides": {
                "layers": 1,
                "hiddenUnits": 20,
                "embeddingUnits": 10,
                "steps": 5,
                "batchSize": 8,
                "epochs": 2,
                "fullRateEpochs": 1,
                "learningRate": "0.5",
                "learningRateDecay": "0.9",
                "dropout": "0.25",
                "clipNorm": "5",
                "vocabularySize": 100,
            },
            "seed": 7,
        },
        "training": {
            "image": "trainer:2",
            "gpu": {"count": 2, "resource": "amd.com/gpu"},
            "resources": {"requests": {"cpu": 2, "memory": "4Gi"}, "limits": {"cpu": "500m"}},
            "nodeSelector": {"disk": "ssd"},
            "tolerations": [
                {"key": "gpu", "operator": "Exists", "value": "", "effect": "NoExecute", "tolerationSeconds": 30}
            ],
            "priorityClassName": "high",
            "runtimeClassName": "nvidia",
            "pendingDeadline": "1h30m",
            "activeDeadline": "2d",
            "backoffLimit": 0,
        },
        "generation": {
            "words": 50,
            "temperature": "1.2",
            "topP": "0.5",
            "seed": 3,
            "prompt": "Winter is",
            "speaker": "JON",
            "samples": 2,
        },
        "pachyderm": {"project": "team"},
        "deletionPolicy": "Retain",
        "driftPolicy": "Warn",
        "suspend": True,
        "historyLimit": 0,
    }
    dry = ["apply", "--dry-run=server", "-o", "json", "-f", "-"]
    http = {"url": "https://example.com/a@b?c=d@e", "sha256": "0" * 64, "include": ["*.txt"], "maxSizeMi": 5}
    sources: list[dict[str, Any]] = [
        spec["corpus"],
        {"http": {**http, "interval": "1d"}, "layout": "auto"},
        {"configMap": {"name": "my-plays"}, "layout": "auto"},
    ]
    for corpus in sources:
        wanted = {**spec, "corpus": corpus}
        assert json.loads(cluster.kubectl(*dry, stdin=json.dumps(manifest("full", wanted))))["spec"] == wanted
    bare = json.loads(cluster.kubectl(*dry, stdin=json.dumps(manifest("bare", {"corpus": REPO}))))["spec"]
    assert bare["corpus"] == {"repo": {"name": "plays", "branch": "master", "project": "default"}, "layout": "auto"}
    assert bare["generation"]["words"] == 1000
    assert "gpu" not in bare["training"]


def test_without_a_cluster_the_same_defaults_are_filled_in(cluster: Cluster) -> None:
    spec = {
        "corpus": {"configMap": {"name": "plays"}},
        "training": {"gpu": {}, "tolerations": [{"key": "gpu"}], "resources": {"requests": {"cpu": 2}}},
    }
    dry = ["apply", "--dry-run=server", "-o", "json", "-f", "-"]
    theirs = json.loads(cluster.kubectl(*dry, stdin=json.dumps(manifest("bare", spec))))["spec"]
    assert admitted(spec) == theirs


@pytest.mark.parametrize("sample", sorted(Path("manifests/samples").glob("*.yaml")), ids=lambda path: path.stem)
def test_samples_are_taken_as_they_are(cluster: Cluster, sample: Path) -> None:
    text = cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", str(sample))
    assert "created (server dry run)" in text


def test_explain_describes_every_field(cluster: Cluster) -> None:
    text = cluster.kubectl("explain", "scriptmodel.spec", "--recursive")
    for field in ("corpus", "hiddenUnits", "activeDeadline", "temperature", "deletionPolicy"):
        assert field in text
    text = " ".join(cluster.kubectl("explain", "scriptmodel.spec.corpus.repo").split())
    assert "never changes or deletes it" in text
