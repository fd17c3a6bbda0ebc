"""What others wrote into Pachyderm, and what a newer server sends, is a value: never an exception."""

import pytest

from scriptmodel_operator.api.marks import parse_mark
from scriptmodel_operator.engine.values import JobState, PipelineApply, PipelineState
from scriptmodel_operator.pachyderm import messages
from scriptmodel_operator.pachyderm.protocol import pfs, pps
from tests.unit.operator.messages import observed
from tests.unit.operator.pipeline_specs import PLAIN

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
