"""Training that starts from a model, on the real API server and localpach: the copy, the second input, the deletion."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dev.stack import TRAINER_IMAGE, Localpach, Operator
from tests.integration.cluster import QUICK_TRAINER, Cluster, account_kubeconfig, is_ready
from tests.integration.pachyderm import Pachyderm, place
from tests.integration.texts import play

pytestmark = pytest.mark.slow
BASE_FILE = "/base.json"
"""What this trainer writes only if it has read a base."""


@pytest.fixture
def pachd(tmp_path: Path, cluster: Cluster, shared_operator_paused: None) -> Iterator[Pachyderm]:
    """A Pachyderm whose trainer learns nothing, and an operator of its own."""
    images = {TRAINER_IMAGE: QUICK_TRAINER}
    config = account_kubeconfig(cluster.control_plane, cluster.namespace)
    options = [f"--namespace={cluster.namespace}", "--poll-interval=0.5"]
    with (
        Localpach(tmp_path / "pachd", images) as localpach,
        Pachyderm(localpach.address, namespace=cluster.namespace) as client,
        Operator(tmp_path / "operator", config, localpach.address, options=options) as operator,
    ):
        yield client
        assert "Traceback" not in operator.log.read_text()


def has_base(pachd: Pachyderm, found: dict[str, Any]) -> bool:
    model = found["status"]["lineage"]["model"]
    return pachd.read(*place(model), BASE_FILE) == '{"schema": 1}\n'


def test_a_model_starts_from_another_ones_and_outlives_it(cluster: Cluster, pachd: Pachyderm) -> None:
    spec = {"corpus": {"repo": {"name": pachd.corpus({"/hamlet.txt": play()})}}}
    cluster.apply("derived", {**spec, "model": {"from": {"scriptModel": "base"}}})
    cluster.reason("derived", "BaseNotFound")
    cluster.apply("base", spec)
    first = cluster.ready("base")["status"]["lineage"]["model"]
    found = cluster.ready("derived")
    assert found["status"]["lineage"]["base"] == first
    assert has_base(pachd, found)
    cluster.kubectl("annotate", "sm", "base", "scriptmodel.dev/retrain-at=now")
    cluster.wait_for("base", lambda each: is_ready(each) and each["status"]["lineage"]["model"] != first, 60)
    cluster.delete("base")
    assert is_ready(cluster.get("derived"))
    pachd.put(spec["corpus"]["repo"]["name"], {"/lear.txt": play(3)})
    corpus = pachd.head(spec["corpus"]["repo"]["name"])
    found = cluster.wait_for(
        "derived", lambda each: is_ready(each) and each["status"]["lineage"]["corpus"].partition("@")[2] == corpus, 60
    )
    assert found["status"]["lineage"]["base"] == first
    cluster.delete("derived")
    assert pachd.repos() == {spec["corpus"]["repo"]["name"]}
