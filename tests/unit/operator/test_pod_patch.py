"""The patch of a train pod's spec, made of independent parts."""

import json

import pytest

from scriptmodel_operator.api.generation import Generation
from scriptmodel_operator.api.training import Budget, Gpu, Training
from scriptmodel_operator.desired.pod_patch import pod_patch, variables_of
from scriptmodel_operator.engine.values import PipelineRef

TRAIN = PipelineRef("default", "train")


def test_parts_are_joined_in_their_order_and_nothing_makes_no_patch() -> None:
    assert pod_patch(Training(), Generation(), "", TRAIN) == ""
    training = Training(runtime_class_name="nvidia", gpu=Gpu(), budget=Budget(duration="3s"))
    patch = json.loads(pod_patch(training, Generation(), "", TRAIN))
    assert patch == [
        {"op": "add", "path": "/runtimeClassName", "value": "nvidia"},
        {"op": "add", "path": "/containers/0/env/-", "value": {"name": "SCRIPTMODEL_GPU_REQUESTED", "value": "1"}},
        {"op": "add", "path": "/containers/0/env/-", "value": {"name": "SCRIPTMODEL_BUDGET_SECONDS", "value": "3"}},
    ]


def test_variables_are_read_back_from_a_patch() -> None:
    patch = pod_patch(Training(budget=Budget(duration="3s")), Generation(), "claim", TRAIN)
    assert variables_of(patch) == {"SCRIPTMODEL_STATE_DIR": "/scriptmodel-state", "SCRIPTMODEL_BUDGET_SECONDS": "3"}


@pytest.mark.parametrize(
    "patch",
    ["", "no json", "{}", "[1]", '[{"path": "/containers/0/env/-"}]', '[{"path": "/containers/0/env/-", "value": 1}]'],
)
def test_a_patch_of_somebody_else_has_no_variables(patch: str) -> None:
    assert variables_of(patch) == {}
