"""A search on the real API server and localpach: trials, workers, and what is trained again after a change.

The trainer learns nothing but in the last test: the value of a run is its number.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from python_pachyderm.proto.v2.pps import pps_pb2

from dev.stack import Localpach, Operator
from scriptmodel_operator.engine.values import folder_of
from tests.integration.cluster import QUICK_IMAGE, Cluster, is_ready, manifest
from tests.integration.command import Command
from tests.integration.pachyderm import Pachyderm, place
from tests.integration.texts import play

pytestmark = pytest.mark.timeout(900)
PARAMETERS = [{"name": "dropout", "uniform": {"min": "0.2", "max": "0.6"}}]
QUICK = {"model": {"preset": "test"}, "training": {"image": QUICK_IMAGE}, "generation": {"words": 30}}
MORE_SECONDS = 400


def searching(corpus: str, **search: Any) -> dict[str, Any]:
    return {**QUICK, "corpus": {"repo": {"name": corpus}}, "search": {"parameters": PARAMETERS, **search}}


def trained(pachyderm: Pachyderm, found: dict[str, Any]) -> list[int]:
    """Return how many runs each train job that succeeded trained, oldest first."""
    train = found["status"]["pipelines"][0]["name"]
    return [job.data_processed for job in reversed(pachyderm.jobs(train)) if job.state == pps_pb2.JOB_SUCCESS]


def test_eight_trials_train_on_two_workers_and_four_more_train_alone(
    cluster: Cluster, pachyderm: Pachyderm, localpach: Localpach, operator: Operator, tmp_path: Path
) -> None:
    corpus = pachyderm.corpus({"/hamlet.txt": play()})
    cluster.apply("many", searching(corpus, numTrials=8, parallelTrials=2))
    found = cluster.ready("many", MORE_SECONDS)
    search, lineage = found["status"]["search"], found["status"]["lineage"]
    assert trained(pachyderm, found) == [8]
    assert search["trials"] == {"total": 8, "complete": 8, "failed": 0, "running": 0, "waiting": 0}
    assert search["top"][0]["trial"] == "0001"
    assert pachyderm.read(*place(lineage["model"]), f"{folder_of(lineage['model'])}/model.json") == "0001\n"
    train = pachyderm.pipelines()[found["status"]["pipelines"][0]["name"]]
    assert (train.details.parallelism_spec.constant, train.details.datum_set_spec.number) == (2, 1)
    generate = found["status"]["pipelines"][1]["name"]
    assert len([job for job in pachyderm.jobs(generate) if job.data_processed]) == 1, "it writes once"
    cluster.apply("more", searching(corpus, numTrials=3))
    cluster.ready("more", MORE_SECONDS)
    command, file = Command(cluster, localpach.address), tmp_path / "more.yaml"
    file.write_text(json.dumps(manifest("more", searching(corpus, numTrials=7))))
    planned = command("plan", "-f", file)
    assert (planned.returncode, "put 4 files into " in planned.stdout) == (1, True), planned.stderr
    cluster.apply("more", searching(corpus, numTrials=7))
    grown = cluster.wait_for("more", lambda each: is_ready(each) and each["status"]["search"]["completed"] == "7/7", 90)
    assert trained(pachyderm, grown) == [3, 4]
    assert command("status", "many", "-w").returncode == 0
    assert "search random: 8 complete" in command("status", "many").stdout
    for name in ("many", "more"):
        cluster.delete(name)
    assert not [each for each in pachyderm.repos() if each.startswith(("many-", "more-"))]


@pytest.mark.slow
def test_real_trainings_are_compared_and_one_that_diverges_is_listed(
    cluster: Cluster, pachyderm: Pachyderm, operator: Operator
) -> None:
    corpus = pachyderm.corpus({"/hamlet.txt": play()})
    rates = {"name": "learningRate", "categorical": {"values": ["0.01", "0.1", "1000000"]}}
    spec = searching(corpus, parameters=[rates], algorithm="grid", parallelTrials=2)
    del spec["training"]
    cluster.apply("real", spec)
    found = cluster.ready("real", MORE_SECONDS)
    search = found["status"]["search"]
    assert [each["reason"] for each in search["top"] if each["trial"] == "0003"] == ["diverged"]
    best = search["top"][0]
    where = found["status"]["lineage"]["model"]
    assert folder_of(where) == f"/{best['trial']}"
    metrics = json.loads(pachyderm.read(*place(where), f"{folder_of(where)}/metrics.json"))
    # A run counts as its epochs were validated; the stored model, besides, hardly expects what training never read.
    assert best["perplexity"] == f"{metrics['epochs'][-1]['valid_perplexity']:.1f}"
    assert found["status"]["perplexity"] == f"{metrics['perplexity']['valid']:.1f}"
