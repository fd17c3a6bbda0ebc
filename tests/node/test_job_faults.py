"""What keeps the pods of trainings from running on a node, and what their objects say of it."""

import json

import pytest

from tests.integration.cluster import condition
from tests.node.running import Namespace, Running
from tests.node.test_jobs_engine import TEAM, earlier, pytestmark, spec, team  # noqa: F401 - fixtures and marks


@pytest.mark.parametrize(
    ("name", "training", "says"),
    [
        (
            "small",
            {"resources": {"limits": {"memory": "160Mi"}}},
            "memory ran out at the limit of 160Mi: raise training.resources.limits.memory",
        ),
        ("elsewhere", {"nodeSelector": {"disk": "none"}}, "didn't match Pod's node affinity/selector"),
        ("typo", {"image": "scriptmodel-trainer:9.9.9-typo"}, "check the image and training.imagePullSecrets"),
    ],
)
def test_what_keeps_a_pod_from_running_is_in_the_status(
    team: Namespace,  # noqa: F811 - the fixture
    name: str,
    training: dict[str, object],
    says: str,
) -> None:
    team.apply(name, spec("castle", {"preset": "test"}) | {"training": {"backoffLimit": 0, **training}})
    team.wait_for(name, lambda each: says in json.dumps(each.get("status", {})), 240)
    team.kubectl("delete", "scriptmodel", name, "--timeout=120s")


def test_a_pod_that_is_evicted_for_its_disk_says_so(cluster: Running, team: Namespace) -> None:  # noqa: F811 - as above
    limits = [{"type": "Container", "default": {"ephemeral-storage": "1Mi"}}]
    made = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "disk", "namespace": TEAM}}
    cluster.apply({**made, "spec": {"limits": limits}})
    epochs = {"preset": "small", "overrides": {"epochs": 200}}
    team.apply("disk", spec("long", epochs) | {"training": {"backoffLimit": 0}})
    found = team.reason("disk", "TrainingFailed", 300)
    assert "its pod was evicted, because it used more than its limit" in condition(found)["message"]
    team.kubectl("delete", "scriptmodel", "disk", "--timeout=120s")
    team.kubectl("delete", "limitrange", "disk")
