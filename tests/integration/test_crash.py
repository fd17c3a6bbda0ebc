"""The operator is killed at each stage; the next one reaches the same end state as a run without a kill."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dev.stack import Localpach, Operator
from tests.integration.cluster import Cluster, condition
from tests.integration.pachyderm import Pachyderm
from tests.integration.texts import play

pytestmark = pytest.mark.slow

TRAINING = 400


@pytest.mark.timeout(900)  # a training that starts twice, on whatever machine
def test_a_killed_operator_leaves_nothing_twice_and_nothing_behind(
    cluster: Cluster,
    pachyderm: Pachyderm,
    localpach: Localpach,
    operator_kubeconfig: Path,
    shared_operator_paused: None,
    tmp_path: Path,
) -> None:
    options = ["--poll-interval=0.3", f"--namespace={cluster.namespace}"]

    def operator(number: int) -> Operator:
        return Operator(tmp_path / str(number), operator_kubeconfig, localpach.address, options=options)

    corpus = pachyderm.corpus({"/hamlet.txt": play()})
    model = {"preset": "test", "overrides": {"epochs": 100}}  # long enough to be killed in
    spec = {"corpus": {"repo": {"name": corpus}}, "model": model, "generation": {"words": 30}}
    with operator(1) as first:
        cluster.apply("mortal", spec)
        cluster.wait_for("mortal", lambda found: bool(found["metadata"].get("finalizers")), 60)
        first.kill()
    with operator(2) as second:
        cluster.wait_for("mortal", lambda found: bool(found.get("status", {}).get("pipelines")), 60)
        second.kill()
    with operator(3) as third:
        # Or later: on a busy machine the first poll may come only when a training this short is over.
        at_work = {"Training", "Generating", "Generated"}
        cluster.wait_for("mortal", lambda found: condition(found).get("reason") in at_work, TRAINING)
        third.kill()
    with operator(4) as fourth:
        found = cluster.ready("mortal", TRAINING)
        assert pachyderm.versions(found) == {"train": 1, "generate": 1}
        names = [each["name"] for each in found["status"]["pipelines"]]
        assert [len(pachyderm.jobs(name)) for name in names] == [1, 1]
        cluster.kubectl("delete", "sm", "mortal", "--wait=false")
        fourth.kill()
    with operator(5):
        cluster.gone("mortal")
    assert not set(names) & (set(pachyderm.pipelines()) | pachyderm.repos())
    assert corpus in pachyderm.repos()
    events = json.loads(cluster.kubectl("get", "events.events.k8s.io", "-o", "json"))["items"]
    reported = [(each["reason"], each["note"]) for each in events]
    assert len(reported) == len(set(reported)), f"no event twice: {reported}"
