"""The operator is killed at each stage; the next one reaches the same end state as a run without a kill.

The trainer learns nothing; its training waits until the operator was killed beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.stack import TRAINER_IMAGE, Localpach, Operator
from tests.held import TRAINS, held_trainer
from tests.integration.cluster import QUICK_TRAINER, Cluster
from tests.integration.pachyderm import Pachyderm
from tests.integration.texts import play

pytestmark = pytest.mark.slow


@pytest.fixture
def hold(tmp_path: Path) -> Path:
    """No training ends while this file exists."""
    path = tmp_path / "hold"
    path.write_text(TRAINS)
    return path


@pytest.fixture
def pachd(tmp_path: Path, hold: Path) -> Iterator[Localpach]:
    trainer = held_trainer(tmp_path / "trainer", QUICK_TRAINER, hold)
    with Localpach(tmp_path / "pachd", {TRAINER_IMAGE: trainer}) as running:
        yield running


@pytest.fixture
def pachyderm(pachd: Localpach, cluster: Cluster) -> Iterator[Pachyderm]:
    with Pachyderm(pachd.address, namespace=cluster.namespace) as client:
        yield client


def test_a_killed_operator_leaves_nothing_twice_and_nothing_behind(
    cluster: Cluster,
    pachyderm: Pachyderm,
    pachd: Localpach,
    operator_kubeconfig: Path,
    shared_operator_paused: None,
    tmp_path: Path,
    hold: Path,
) -> None:
    options = ["--poll-interval=0.3", f"--namespace={cluster.namespace}"]

    def operator(number: int) -> Operator:
        return Operator(tmp_path / str(number), operator_kubeconfig, pachd.address, options=options)

    corpus = pachyderm.corpus({"/hamlet.txt": play()})
    with operator(1) as first:
        cluster.apply("mortal", {"corpus": {"repo": {"name": corpus}}})
        cluster.wait_for("mortal", lambda found: bool(found["metadata"].get("finalizers")), 60)
        first.kill()
    with operator(2) as second:
        cluster.wait_for("mortal", lambda found: bool(found.get("status", {}).get("pipelines")), 60)
        second.kill()
    with operator(3) as third:
        cluster.reason("mortal", "Training")
        third.kill()
    hold.unlink()
    with operator(4) as fourth:
        found = cluster.ready("mortal")
        assert pachyderm.versions(found) == {"train": 1, "generate": 1}
        names = [each["name"] for each in found["status"]["pipelines"]]
        assert [len(pachyderm.jobs(name)) for name in names] == [1, 1]
        cluster.kubectl("delete", "sm", "mortal", "--wait=false")
        fourth.kill()
    with operator(5):
        cluster.gone("mortal")
    assert not pachyderm.pipelines()
    assert pachyderm.repos() == {corpus}
    events = json.loads(cluster.kubectl("get", "events.events.k8s.io", "-o", "json"))["items"]
    reported = [(each["reason"], each["note"]) for each in events]
    assert len(reported) == len(set(reported)), f"no event twice: {reported}"
