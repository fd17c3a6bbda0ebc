"""What waits, for what, and how long: jobs for workers, updates for jobs, training for an open commit."""

from dataclasses import replace

import pytest

from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.engine.values import BranchRef, JobState, PipelineState, RepoRef
from tests.unit.operator.world import PLAYS, World, scriptmodel, started_world, trained_world

HURRIED = {"training": {"pendingDeadline": "1m", "activeDeadline": "1h"}}


def test_the_wait_for_a_worker_starts_when_the_older_job_has_ended() -> None:
    world = trained_world(HURRIED)
    world.pachyderm.put(world.corpus, PLAYS)
    world.pachyderm.run(world.train)
    world.pachyderm.put(world.corpus, PLAYS)
    world.pachyderm.advance(600)
    world.reconcile()
    assert world.ready == ("False", "Training")
    assert "a newer corpus commit or spec is next" in world.condition("Ready")["message"]
    assert world.written() == []
    world.pachyderm.succeed(world.train)
    world.pachyderm.advance(50)
    world.reconcile()
    assert world.ready == ("False", "WaitingForWorker")
    assert world.written() == []
    world.pachyderm.advance(11)
    world.reconcile()
    assert world.ready == ("False", "WorkerUnavailable")


def test_a_generate_job_over_its_deadline_is_stopped_which_starts_with_the_model() -> None:
    """A worker may start the generate job while its model is still being trained."""
    world = started_world(HURRIED)
    world.pachyderm.run(world.train)
    writing = world.pachyderm.run(world.generate)
    world.pachyderm.jobs[writing.ref] = replace(writing, state=JobState.STARTING)
    world.pachyderm.advance(3000)
    world.pachyderm.succeed(world.train)
    world.pachyderm.run(world.generate)
    world.pachyderm.advance(3599)
    world.written()
    world.reconcile()
    assert world.ready == ("False", "Generating")
    assert world.written() == []
    world.pachyderm.advance(2)
    world.reconcile()
    assert world.written() == [f"stop job {world.generate.name}"]
    assert world.ready == ("False", "DeadlineExceeded")
    assert world.condition("Stalled")["status"] == "True"
    message = world.condition("Ready")["message"]
    assert "raise training.activeDeadline or write less, then change spec.generation" in message
    assert world.condition("Trained")["status"] == "True"
    world.apply({**HURRIED, "generation": {"words": 10}})
    assert world.ready == ("False", "Generating")


@pytest.mark.parametrize("source", ["configMap", "repo"])
def test_a_job_has_its_deadline_even_while_its_corpus_has_an_error(source: str) -> None:
    own = {**HURRIED, "corpus": {"configMap": {"name": "plays"}}}
    world = World(model=scriptmodel(own), source=PLAYS)
    world.reconcile()
    world.pachyderm.run(world.train)
    if source == "configMap":
        world.source = Problem(Reason.CONFIG_MAP_NOT_FOUND, "create it")
    else:
        world.source = None
        world.want({**HURRIED, "corpus": {"repo": {"name": "missing"}}})
    world.written()
    world.pachyderm.advance(3599)
    state = world.reconcile()
    assert (world.written(), state.blocked) == ([], True)
    world.pachyderm.advance(2)
    world.reconcile()
    assert world.written() == [f"stop job {world.train.name}"]
    assert world.condition("Trained")["reason"] == "DeadlineExceeded"


def test_the_script_of_an_older_model_holds_up_the_newest_until_its_deadline_only() -> None:
    world = trained_world(HURRIED)
    world.pachyderm.put(world.corpus, PLAYS)
    world.pachyderm.succeed(world.train)
    hung = world.pachyderm.run(world.generate)
    for _ in range(2):  # each new model would begin the time anew
        world.pachyderm.advance(1801)
        world.pachyderm.put(world.corpus, PLAYS)
        world.pachyderm.succeed(world.train)
    world.reconcile()
    assert world.pachyderm.jobs[hung.ref].state is JobState.KILLED
    assert world.ready == ("False", "Generating")


def test_a_job_of_an_open_commit_waits_for_that_as_long_as_it_takes() -> None:
    world = trained_world(HURRIED)
    world.pachyderm.leaves_open = True
    world.pachyderm.put(world.corpus, PLAYS)
    world.pachyderm.advance(600)
    world.reconcile()
    assert world.ready == ("False", "WaitingForCorpusCommit")
    finish = "`pachctl finish commit plays@master --project default`, unless a pipeline is writing it"
    assert finish in world.condition("Ready")["message"]
    assert world.condition("CorpusReady")["status"] == "False"
    assert world.written() == []
    world.pachyderm.finish(world.corpus)
    world.reconcile()
    assert world.condition("CorpusReady")["status"] == "True"
    assert world.written() == [], "its time starts only now"
    assert world.ready == ("False", "WaitingForWorker")
    world.pachyderm.advance(61)
    world.reconcile()
    assert world.ready == ("False", "WorkerUnavailable")


def test_a_corpus_that_a_pipeline_writes_is_awaited() -> None:
    clean = trained_world()
    world = World(
        pachyderm=clean.pachyderm, model=scriptmodel({"corpus": {"repo": {"name": clean.train.name}}}, name="second")
    )
    world.pachyderm.put(clean.corpus, PLAYS)
    world.reconcile()
    assert world.ready == ("False", "WaitingForCorpusCommit")
    assert "unless a pipeline is writing it" in world.condition("Ready")["message"]
    world.pachyderm.fail(clean.train)
    world.reconcile()
    assert world.ready == ("False", "CorpusFailed")
    world.pachyderm.put(clean.corpus, PLAYS)
    world.pachyderm.succeed(clean.train)
    world.reconcile()
    assert world.ready == ("False", "WaitingForWorker")
    world.pachyderm.put(clean.corpus, PLAYS)
    world.pachyderm.fail(clean.train)
    world.reconcile()
    assert world.ready == ("False", "CorpusFailed"), "also once there is a train job"
    assert world.condition("Ready") == {**world.condition("CorpusReady"), "type": "Ready"}


def test_a_script_of_the_model_before_is_not_the_one_that_is_waited_for() -> None:
    """Pachyderm creates both jobs at once, but a poll in between may observe only one."""
    world = trained_world()
    world.pachyderm.put(world.corpus, PLAYS)
    world.pachyderm.succeed(world.train)
    world.pachyderm.jobs = {
        ref: job
        for ref, job in world.pachyderm.jobs.items()
        if ref.pipeline != world.generate or job.state is JobState.SUCCESS
    }
    world.reconcile()
    assert world.ready == ("False", "Generating")


def test_a_failed_pipeline_is_updated_although_a_job_runs() -> None:
    world = trained_world()
    world.pachyderm.put(world.corpus, PLAYS)
    world.pachyderm.run(world.train)
    world.pachyderm.set_state(world.train, PipelineState.CRASHING, "ImagePullBackOff")
    world.apply({"training": {"resources": {"limits": {"memory": "8Gi"}}}})
    assert world.written() == [f"update {world.train.name}"]


def test_another_corpus_does_not_wait_for_the_end_of_training_on_the_old_one() -> None:
    world = trained_world()
    world.pachyderm.put(world.corpus, PLAYS)
    world.pachyderm.run(world.train)
    world.pachyderm.put(BranchRef(RepoRef("default", "series"), "master"), PLAYS)
    world.apply({"corpus": {"repo": {"name": "series"}}})
    assert world.written() == [f"update {world.train.name}"]


def test_a_deadline_counts_from_the_release_of_the_pods_by_their_queue() -> None:
    world = World(model=scriptmodel({"training": {**HURRIED["training"], "queueName": "gpus"}}))
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    world.written()
    (job,) = (each for each in world.pachyderm.jobs.values() if each.ref.pipeline == world.train)
    world.pachyderm.jobs[job.ref] = replace(job, queued=True)
    world.pachyderm.advance(3600)
    world.reconcile()
    assert (world.ready, world.written()) == (("False", "WaitingForQuota"), [])
    assert "waits for quota in queue gpus" in world.condition("Trained")["message"]
    world.pachyderm.jobs[job.ref] = replace(job, released=world.pachyderm.now)
    world.pachyderm.advance(59)
    world.reconcile()
    assert (world.ready, world.written()) == (("False", "WaitingForWorker"), [])
    world.pachyderm.advance(2)
    world.reconcile()
    assert world.ready == ("False", "WorkerUnavailable")


def test_a_train_pipeline_that_vanished_under_generate_is_created_and_read_again() -> None:
    world = trained_world()
    del world.pachyderm.pipelines[world.train]
    del world.pachyderm.repos[world.train.output]
    world.reconcile()
    assert world.written() == [f"create {world.train.name}", f"update {world.generate.name}"]
