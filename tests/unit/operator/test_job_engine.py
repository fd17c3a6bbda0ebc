"""The engine of Jobs computes what is applied: once, for each new version, and whatever happens to an attempt."""

from __future__ import annotations

from dataclasses import replace

from scriptmodel_operator.api.generation import Generation
from scriptmodel_operator.desired.commands import generate_command
from scriptmodel_operator.engine.values import (
    BranchRef,
    JobInfo,
    JobState,
    PipelineApply,
    PipelineRef,
    PipelineSpec,
)
from scriptmodel_operator.jobs.gateway import JobsGateway
from tests.unit.operator.job_worlds import PLAYS_BRANCH, JobWorld
from tests.unit.operator.world import PLAYS

TRAIN = PipelineRef("ml", "thrones-train")
GENERATE = PipelineRef("ml", "thrones-generate")
TRAINING = PipelineSpec(
    ref=TRAIN,
    image="trainer:1",
    command=("scriptmodel-trainer", "train"),
    input_name="corpus",
    input_branch=PLAYS_BRANCH,
    glob="/",
)
WRITING = replace(
    TRAINING,
    ref=GENERATE,
    command=generate_command(Generation()),
    input_name="model",
    input_branch=BranchRef(TRAIN.output, "master"),
)


def jobs(gateway: JobsGateway, ref: PipelineRef = TRAIN) -> list[JobInfo]:
    return list(gateway.list_pipeline_jobs(ref, 50))


def states(gateway: JobsGateway, ref: PipelineRef = TRAIN) -> list[str]:
    return [job.state.name for job in jobs(gateway, ref)]


def applied(world: JobWorld, *specs: PipelineSpec, corpus: dict[str, bytes] | None = None) -> JobsGateway:
    """Return a gateway after pipelines were applied over a corpus, and one poll."""
    world.put(PLAYS_BRANCH, PLAYS if corpus is None else corpus)
    gateway = world.gateway()
    gateway.apply_pipelines([PipelineApply(spec) for spec in specs or (TRAINING,)])
    gateway.settle(["ml"])
    return gateway


def polled(world: JobWorld, gateway: JobsGateway, times: int = 3) -> None:
    for _ in range(times):
        world.run()
        gateway.settle(["ml"])


def update(gateway: JobsGateway, spec: PipelineSpec, *, reprocess: bool = False) -> None:
    gateway.apply_pipelines([PipelineApply(spec, update=True, reprocess=reprocess)])
    gateway.settle(["ml"])


def test_a_model_is_trained_and_a_script_is_written() -> None:
    world = JobWorld()
    gateway = applied(world, TRAINING, WRITING)
    assert states(gateway) == ["STARTING"]
    world.start()
    gateway.settle(["ml"])
    assert states(gateway) == ["RUNNING"]
    polled(world, gateway)
    (trained,), (written,) = jobs(gateway), jobs(gateway, GENERATE)
    assert (trained.state, trained.data_total, trained.data_processed) == (JobState.SUCCESS, 1, 1)
    assert gateway.read_file(GENERATE.output, written.ref.id, "/new_script.txt", 99).startswith(b"[ JON ]")
    commit = gateway.inspect_commit(GENERATE.output, written.ref.id)
    assert commit.provenance == ((TRAIN.output, trained.ref.id),)
    assert world.ran == ["train 1", "generate 1"]
