"""What keeps the pods of trainings from running on a node, and what their objects say of it."""

import json

import pytest

from tests.node.running import Namespace
from tests.node.test_jobs_engine import earlier, pytestmark, spec, team  # noqa: F401 - fixtures and marks


@pytest.mark.parametrize(
    ("name", "training", "says"),
    [
        (
            "small",
            {"resources": {"limits": {"memory": "64Mi"}}},
            "memory ran out at the limit of 64Mi: raise training.resources.limits.memory",
        ),
        ("elsewhere", {"nodeSelector": {"disk": "none"}}, "didn't match Pod's node affinity/selector"),
        ("typo", {"image": "scriptmodel-trainer:9.9.9-typo"}, "check the image and training.imagePullSecrets"),
    ],
)
def test_what_keeps_a_pod_from_running_is_in_the_status(
    team: Namespace,  # noqa: F811
    name: str,
    training: dict[str, object],
    says: str,
) -> None:
    team.apply(name, spec("castle", {"preset": "test"}) | {"training": {"backoffLimit": 0, **training}})
    team.wait_for(name, lambda each: says in json.dumps(each.get("status", {})), 240)
    team.kubectl("delete", "scriptmodel", name, "--timeout=120s")
