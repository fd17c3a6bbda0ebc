"""The patch of a train pod's spec in Pachyderm, and what is read of one that somebody else wrote."""

import json
from typing import Any

import pytest

from scriptmodel_operator.engine.values import PipelineApply
from scriptmodel_operator.pachyderm import messages
from tests.unit.operator.messages import observed
from tests.unit.operator.pipeline_specs import PLAIN, changed
from tests.unit.operator.test_foreign import HOSTILE

RUNTIME_CLASS = {"op": "add", "path": "/runtimeClassName", "value": "nvidia"}
BUDGET = {
    "op": "add",
    "path": "/containers/0/env/-",
    "value": {"name": "SCRIPTMODEL_BUDGET_SECONDS", "value": "3"},
}
STATE = {
    "op": "add",
    "path": "/containers/0/env/-",
    "value": {"name": "SCRIPTMODEL_STATE_DIR", "value": "/scriptmodel-state"},
}
CLAIM = [
    {"op": "add", "path": "/securityContext", "value": {"fsGroup": 65532}},
    {
        "op": "add",
        "path": "/volumes/-",
        "value": {"name": "scriptmodel-state", "persistentVolumeClaim": {"claimName": "team-a"}},
    },
    {
        "op": "add",
        "path": "/containers/0/volumeMounts/-",
        "value": {
            "name": "scriptmodel-state",
            "mountPath": "/scriptmodel-state",
            "subPath": f"{PLAIN.ref.project}/{PLAIN.ref.name}",
        },
    },
    STATE,
]


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        ({}, None),
        ({"runtime_class": "nvidia"}, [RUNTIME_CLASS]),
        ({"claim": "team-a"}, CLAIM),
        (
            {
                "runtime_class": "nvidia",
                "claim": "team-a",
                "variables": (("SCRIPTMODEL_BUDGET_SECONDS", "3"),),
            },
            [RUNTIME_CLASS, *CLAIM, BUDGET],
        ),
    ],
)
def test_what_a_pod_has_is_sent_as_a_patch_and_comes_back(pods: dict[str, Any], expected: object) -> None:
    sent = PipelineApply(changed(PLAIN, **pods))
    text = messages.create_request(sent).pod_patch
    assert (json.loads(text) if text else None) == expected
    assert observed(sent).spec == sent.spec


@pytest.mark.parametrize(
    "patch",
    [
        "no json",
        "{}",
        "[1]",
        '[{"path": "/containers/0/env/-"}]',
        '[{"path": "/containers/0/env/-", "value": 1}]',
        '[{"path": "/volumes/-", "value": {"emptyDir": {}}}]',
        *HOSTILE,
    ],
    ids=lambda text: text[:90],
)
def test_a_patch_of_somebody_else_is_kept_as_it_is(patch: str) -> None:
    assert observed(PipelineApply(changed(PLAIN, patch=patch))).spec == changed(PLAIN, patch=patch)


def test_a_patch_that_somebody_added_to_says_what_it_still_says() -> None:
    patch = json.dumps([BUDGET, {"op": "add", "path": "/hostNetwork", "value": True}])
    pods = observed(PipelineApply(changed(PLAIN, patch=patch))).spec.pods
    assert (pods.variables, pods.patch) == ((("SCRIPTMODEL_BUDGET_SECONDS", "3"),), patch)
