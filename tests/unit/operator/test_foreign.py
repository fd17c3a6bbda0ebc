"""What others wrote into Pachyderm, and what a newer server sends, is a value: never an exception."""

import json
from typing import Any

import pytest

from scriptmodel_operator.api.marks import parse_mark
from scriptmodel_operator.engine.values import JobState, PipelineApply, PipelineState
from scriptmodel_operator.pachyderm import messages
from scriptmodel_operator.pachyderm.protocol import pfs, pps
from tests.unit.operator.pipeline_specs import PLAIN, changed, observed

OWNER = '"owner":{"cluster":"c","namespace":"ml","name":"thrones","uid":"1"}'
DEEP = '{"a":' + 100_000 * "["
HOSTILE = [DEEP, "null", "5", "[]", '"x"', "{", '{"a":' + 5000 * "9" + "}"]


@pytest.mark.parametrize(
    "text",
    [
        *HOSTILE,
        f'{{{OWNER},"version":Infinity}}',
        f'{{{OWNER},"version":[]}}',
        f'{{{OWNER},"image":"\\ud800"}}',
        '{"owner":"somebody"}',
    ],
    ids=lambda text: text[:90],
)
def test_json_that_is_no_mark_is_nobodys_mark(text: str) -> None:
    assert parse_mark(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *HOSTILE,
        '{"description": "\\ud800"}',
        '{"datumTries": 1e400}',
        '{"resourceLimits": {"cpu": 1e300}}',
        '{"podPatch": "[1]", "tolerations": [{"operator": 99}]}',
    ],
    ids=lambda text: text[:90],
)
def test_json_that_is_no_pipeline_stops_no_list(text: str) -> None:
    info = observed(PipelineApply(PLAIN), text)
    assert info.spec == PLAIN
    assert info.submitted is None or not info.submitted.image


def test_a_state_of_a_newer_server_is_a_state() -> None:
    pipeline = pps.Pipeline(name="train", project=pfs.Project(name="default"))
    assert messages.pipeline_info(pps.PipelineInfo(pipeline=pipeline, state=99)).state is PipelineState.UNKNOWN
    job = messages.job_info(pps.JobInfo(job=pps.Job(pipeline=pipeline, id="1"), state=99))
    assert job.state is JobState.UNKNOWN
    assert not job.state.final
    assert not job.state.waiting, "it need not lack a worker"


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
