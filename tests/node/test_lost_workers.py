"""Trainings whose pod is lost on a real node, where the kubelet mounts the claim, its folder and its group.

The volume is a folder of the node, of type `local`: the kubelet applies `fsGroup` to it, as to the volumes of a cloud.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dev.cluster.node import NAME as NODE
from dev.images.project import image
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.spec import ScriptModelSpec
from scriptmodel_operator.desired.pipelines import desired
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.engine.values import PipelineApply
from scriptmodel_operator.pachyderm.messages import create_request
from tests.integration.pachyderm import Pachyderm, place
from tests.integration.texts import play
from tests.node import trainer_pods
from tests.node.conftest import SCRIPTMODEL
from tests.node.release import NAME, Release
from tests.node.running import Namespace, Object, Running

pytestmark = pytest.mark.timeout(900)

CLAIM = "checkpoints"
PACHYDERM = "pachyderm"
"""The namespace of a real Pachyderm's workers."""
SECONDS: dict[str, Any] = {"hiddenUnits": 32, "vocabularySize": 200, "batchSize": 4, "epochs": 20}
"""Train for some seconds on a short play."""
MINUTES: dict[str, Any] = {"epochs": 16}
"""Train for a minute or more on a long one: the operator's pipelines save a checkpoint each 30 seconds."""
UNDISTURBED, DISTURBED = f"{SCRIPTMODEL}-undisturbed", f"{SCRIPTMODEL}-disturbed"
OFTEN = "--checkpoint-seconds=0.5"
TRAINING = 600
"""The time limit in seconds for two trainings at once on a slow machine, with a restart each time the pod is lost."""

Claimed = Callable[[str], Path]


@pytest.fixture
def claimed(cluster: Running, tmp_path: Path) -> Iterator[Claimed]:
    """Make the claim in a namespace, and return the node's folder that holds it. Both are deleted in the end."""
    made: list[str] = []

    def make(namespace: str) -> Path:
        folder = tmp_path / "claim"
        folder.mkdir()
        made.append(namespace)
        cluster.apply(*volume(folder, namespace))
        return folder

    yield make
    for namespace in made:
        cluster.kubectl("delete", "pod", trainer_pods.NAME, "--ignore-not-found")  # one that has ended keeps the claim
        cluster.kubectl("delete", "pvc", CLAIM, f"--namespace={namespace}", "--timeout=60s")
        cluster.kubectl("delete", "pv", CLAIM, "--timeout=60s")


def volume(folder: Path, namespace: str) -> tuple[Object, Object]:
    """A volume in a folder of the node, and the claim that gets it."""
    size, modes = {"storage": "1Gi"}, ["ReadWriteOnce"]
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
    persistent = {
        "capacity": size,
        "accessModes": modes,
        "storageClassName": "",
        "local": {"path": str(folder)},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        "claimRef": {"namespace": namespace, "name": CLAIM},
    }
    claim = {"accessModes": modes, "storageClassName": "", "volumeName": CLAIM, "resources": {"requests": size}}
    return (
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": CLAIM}, "spec": persistent},
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": CLAIM, "namespace": namespace},
            "spec": claim,
        },
    )


def saved(folder: Path) -> list[Path]:
    """The checkpoints in the folder of a claim."""
    return list(folder.rglob("*.safetensors"))


def model(overrides: dict[str, Any]) -> Object:
    return {"preset": "small", "overrides": overrides, "seed": 7}


def train_request(name: str) -> Any:
    """The request for the train pipeline of a ScriptModel with the claim, as the operator sends it to Pachyderm."""
    spec = ScriptModelSpec.model_validate({"corpus": {"repo": {"name": "plays"}}, "model": model(SECONDS)})
    found = ScriptModel(namespace="default", name=name, uid=name, generation=1, spec=spec)
    owner, tag = found.owner("node"), image("trainer").tag
    train = desired(found, references(found), owner, None, image=tag, claim=CLAIM).train.spec
    return create_request(PipelineApply(replace(train, command=(*train.command, OFTEN))))


def patched(cluster: Running, pod: Object, patch: str) -> Object:
    """Apply the patch as Pachyderm does: to the spec of a pod whose container has an environment."""
    pod["spec"]["containers"][0]["env"] = [{"name": "PPS_PIPELINE_NAME", "value": "train"}]
    operations = [{**each, "path": f"/spec{each['path']}"} for each in json.loads(patch)]
    words = ["--local", "--filename=-", "--type=json", f"--patch={json.dumps(operations)}", "--output=json"]
    found: Object = json.loads(cluster.kubectl("patch", *words, stdin=json.dumps(pod)))
    return found


def lose(cluster: Running, namespace: str, *pod: str) -> None:
    cluster.kubectl("delete", "pod", f"--namespace={namespace}", *pod, "--force", "--grace-period=0")


def trainers() -> Iterator[int]:
    """Yield the node's processes that train: a container outlives the forced deletion of its pod for a moment."""
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if OFTEN.encode() in command.read_bytes():
                yield int(command.parent.name)


def train_in_steps(until: Callable[[], Any]) -> None:
    """Let the trainer run for a twentieth of a second at a time, so that it cannot end unseen, and leave it stopped."""
    deadline = time.monotonic() + TRAINING
    while not until():
        assert time.monotonic() < deadline
        for number in (signal.SIGCONT, signal.SIGSTOP):
            for process in trainers():
                with suppress(ProcessLookupError):
                    os.kill(process, number)
            time.sleep(0.05)


def test_a_pod_that_is_started_again_resumes_from_the_claim(cluster: Running, claimed: Claimed, tmp_path: Path) -> None:
    claim, request = claimed("default"), train_request(DISTURBED)
    folders = trainer_pods.Folders.lay(tmp_path, {"castle.txt": play(60)})
    laid = trainer_pods.pod(request, corpus=folders.corpus, out=folders.model)
    pod = patched(cluster, laid, request.pod_patch)
    cluster.kubectl("delete", "pod", trainer_pods.NAME, "--ignore-not-found")
    cluster.apply(pod)
    train_in_steps(until=lambda: saved(claim))
    lose(cluster, "default", trainer_pods.NAME)
    cluster.until("the container has ended", lambda: not any(trainers()))
    assert not (folders.model / "model.json").exists(), "it had ended before"
    trainer_pods.succeed(cluster, pod)
    assert json.loads((folders.model / "metrics.json").read_text())["restarts"] == 1
    assert '"event":"resumed"' in cluster.kubectl("logs", f"pod/{trainer_pods.NAME}").replace('": "', '":"')
    assert not saved(claim), "a training removes its state when it ends"


@pytest.mark.skipif("PACHD_ADDRESS" not in os.environ, reason="localpach runs no pods; PACHD_ADDRESS names a server")
def test_a_training_of_a_real_pachyderm_resumes_after_its_pod_was_killed_and_after_a_drain(
    cluster: Running, claimed: Claimed, plays: Namespace, pachyderm: Pachyderm, release: Release, current: Path
) -> None:
    claim, repo = claimed(PACHYDERM), pachyderm.corpus({"castle.txt": play(1200)})
    checkpoints = {"claimName": CLAIM, "cleanup": {"namespace": PACHYDERM}}
    release.deploy(current, trainer={"checkpoints": checkpoints})
    for name in (UNDISTURBED, DISTURBED):
        plays.apply(name, {"corpus": {"repo": {"name": repo}}, "model": model(MINUTES), "generation": {"words": 50}})
    folder = claim / "default" / train_pipeline(plays, DISTURBED)
    selected = f"--selector=pipelineName={folder.name}"
    cluster.until("there is a checkpoint", lambda: saved(folder), TRAINING)
    lose(cluster, PACHYDERM, selected)
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
