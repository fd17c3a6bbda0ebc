"""The patch of a train pod's spec, made of independent parts."""

from __future__ import annotations

import json

import pytest

from scriptmodel_operator.desired.pod_patch import environment, pod_patch, runtime_class, variables_of


def test_parts_are_joined_in_their_order_and_nothing_makes_no_patch() -> None:
    assert pod_patch() == pod_patch(runtime_class(""), environment({})) == ""
    patch = json.loads(pod_patch(runtime_class("nvidia"), environment({"A": "1", "B": "x y"})))
    assert patch == [
        {"op": "add", "path": "/runtimeClassName", "value": "nvidia"},
        {"op": "add", "path": "/containers/0/env/-", "value": {"name": "A", "value": "1"}},
        {"op": "add", "path": "/containers/0/env/-", "value": {"name": "B", "value": "x y"}},
    ]


def test_a_runtime_class_alone_is_written_as_by_released_operators() -> None:
    """It is part of the fingerprint of existing pipelines."""
    assert pod_patch(runtime_class("nvidia")) == '[{"op": "add", "path": "/runtimeClassName", "value": "nvidia"}]'


def test_variables_are_read_back_from_a_patch() -> None:
    variables = {"A": "1", "B": "2"}
    assert variables_of(pod_patch(runtime_class("nvidia"), environment(variables))) == variables


@pytest.mark.parametrize(
    "patch",
    ["", "no json", "{}", "[1]", '[{"path": "/containers/0/env/-"}]', '[{"path": "/containers/0/env/-", "value": 1}]'],
)
def test_a_patch_of_somebody_else_has_no_variables(patch: str) -> None:
    assert variables_of(patch) == {}
