"""Trainings of a real Pachyderm whose pod is lost: the kubelet mounts the claim, its folder and its group."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.cluster.node import NAME as NODE
from tests.integration.pachyderm import Pachyderm, place
from tests.integration.texts import play
from tests.node.conftest import SCRIPTMODEL
from tests.node.engines import PACHYDERM, Engine, volume
from tests.node.release import NAME, Release
from tests.node.running import Namespace, Object, Running

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif("PACHD_ADDRESS" not in os.environ, reason="without a Pachyderm, checkpoints are in the bucket"),
]

CLAIM = "checkpoints"
MODEL: Object = {"preset": "small", "overrides": {"epochs": 16}, "seed": 7}
"""Train for a minute or more on a long play: the operator's pipelines save a checkpoint each 30 seconds."""
UNDISTURBED, DISTURBED = f"{SCRIPTMODEL}-undisturbed", f"{SCRIPTMODEL}-disturbed"
TRAINING = 600
"""The time limit in seconds for two trainings at once on a slow machine, with a restart each time the pod is lost."""


@pytest.fixture
def claim(cluster: Running, tmp_path: Path) -> Iterator[Path]:
    """The node's folder that holds the claim. Both are deleted in the end."""
    folder = tmp_path / "claim"
    folder.mkdir()
    requests = {"requests": {"storage": "20Gi"}}
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "volumeName": CLAIM, "resources": requests}
    about = {"name": CLAIM, "namespace": PACHYDERM}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": about, "spec": spec}
    cluster.apply(volume(CLAIM, folder, PACHYDERM, ""), claim)
    yield folder
    cluster.kubectl("delete", "pvc", CLAIM, f"--namespace={PACHYDERM}", "--timeout=60s")
    cluster.kubectl("delete", "pv", CLAIM, "--timeout=60s")


def saved(folder: Path) -> list[Path]:
    """The checkpoints in the folder of a claim."""
    return list(folder.rglob("*.safetensors"))


def test_a_training_of_pachyderm_resumes_after_its_pod_was_killed_and_drained(
    cluster: Running,
    claim: Path,
    plays: Namespace,
    pachyderm: Pachyderm,
    engine: Engine,
    release: Release,
    current: Path,
) -> None:
    repo = pachyderm.corpus({"castle.txt": play(1200)})
    checkpoints = {"claimName": CLAIM}
    release.deploy(current, trainer={"checkpoints": checkpoints})
    for name in (UNDISTURBED, DISTURBED):
        plays.apply(name, {"corpus": {"repo": {"name": repo}}, "model": MODEL, "generation": {"words": 50}})
    folder = claim / "default" / train_pipeline(plays, DISTURBED)
    selected = f"--selector=pipelineName={folder.name}"
    cluster.until("there is a checkpoint", lambda: saved(folder), TRAINING)
    engine.lose_worker(plays.get(DISTURBED))
    plays.wait_for(DISTURBED, lambda each: restarts(each) == 1, TRAINING)
    drain = ["drain", NODE, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=60s"]
    cluster.kubectl(*drain, f"--pod-{selected[2:]}")
    cluster.kubectl("uncordon", NODE)
    found = [plays.ready(name, TRAINING) for name in (UNDISTURBED, DISTURBED)]
    assert [restarts(each) for each in found] == [0, 2]
    assert "Resumed" in plays.kubectl("get", "events", f"--field-selector=involvedObject.name={DISTURBED}")
    models = [each["status"]["lineage"]["model"] for each in found]
    read = [pachyderm.read_bytes(*place(each), "/model.json") for each in models]
    weights = [json.loads(each)["files"]["weights"] for each in read]
    assert weights[0] == weights[1]
    plays.kubectl("delete", "scriptmodel", UNDISTURBED, DISTURBED, "--timeout=180s")
    release.helm("uninstall", NAME, "--wait", "--timeout=3m")


def train_pipeline(plays: Namespace, name: str) -> str:
    """Wait for the pipelines of an object, and return the name of the first."""
    found = plays.wait_for(name, lambda each: len(each.get("status", {}).get("pipelines", [])) == 2, 60)
    return next(str(each["name"]) for each in found["status"]["pipelines"] if each["name"].endswith("-train"))


def restarts(found: Object) -> int:
    return int(found.get("status", {}).get("training", {}).get("restarts", 0))
