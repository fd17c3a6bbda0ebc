"""What others wrote into Pachyderm, and what a newer server sends, is a value: never an exception."""

import pytest

from scriptmodel_operator.api.marks import parse_mark
from scriptmodel_operator.engine.values import JobState, PipelineInfo, PipelineState
from scriptmodel_operator.pachyderm import messages
from scriptmodel_operator.pachyderm.pipeline_json import submitted_spec
from scriptmodel_operator.pachyderm.protocol import pfs, pps
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


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:90])
def test_json_that_is_no_pipeline_leaves_the_pipeline_as_the_server_has_it(text: str) -> None:
    spec = PLAIN
    info = PipelineInfo(spec.ref, 1, PipelineState.RUNNING, "", stopped=False, spec=spec, inputs=(), submitted=text)
    assert submitted_spec(info) in (spec, messages.projection(spec.ref, pps.CreatePipelineRequest()))


def test_a_state_of_a_newer_server_is_a_state() -> None:
    pipeline = pps.Pipeline(name="train", project=pfs.Project(name="default"))
    assert messages.pipeline_info(pps.PipelineInfo(pipeline=pipeline, state=99)).state is PipelineState.UNKNOWN
    job = messages.job_info(pps.JobInfo(job=pps.Job(pipeline=pipeline, id="1"), state=99))
    assert job.state is JobState.UNKNOWN
    assert not job.state.final
    assert not job.state.waiting, "it need not lack a worker"
