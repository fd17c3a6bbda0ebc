"""The good path in memory: pipelines, progress, scripts, what trains again and what does not."""

import pytest

from scriptmodel_operator.engine.values import JobState
from scriptmodel_operator.observe import snapshot
from tests.unit.operator.pachyderm_state import SCRIPT
from tests.unit.operator.world import PLAYS, started_world, trained_world


def test_another_preset_retrains_in_place_and_the_old_script_stays_meanwhile() -> None:
    world = trained_world()
    world.apply({"model": {"preset": "small"}})
    assert world.written() == [f"update {world.train.name}"]
    assert world.ready == ("False", "WaitingForWorker")
    assert world.model.status["script"]["excerpt"] == SCRIPT.decode()
    world.pachyderm.succeed(world.train)
    world.reconcile()
    assert world.ready == ("False", "Generating")
    world.pachyderm.succeed(world.generate)
    world.reconcile()
    assert world.ready == ("True", "Generated")
    assert world.written() == []


def test_the_last_script_stays_though_the_list_has_room_for_the_newest_job_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For example in a project where other pipelines have had hundreds of jobs since."""
    world = trained_world()
    before = world.model.status
    monkeypatch.setattr(snapshot, "JOBS_PER_PROJECT", 2)
    monkeypatch.setattr(snapshot, "JOBS_FOR_EACH_PIPELINE", 0)
    world.apply(retrain_at="now")
    assert world.ready == ("False", "WaitingForWorker")
    for reported in ("script", "lineage"):
        assert world.model.status[reported] == before[reported]


def test_superseded_waiting_jobs_are_stopped_and_the_running_one_continues() -> None:
    world = trained_world()
    first = world.pachyderm.put(world.corpus, PLAYS)
    world.pachyderm.run(world.train)
    world.pachyderm.put(world.corpus, PLAYS)
    newest = world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    assert world.written() == [f"stop job {world.train.name}"]
    states = {job.ref.id: job.state for job in world.pachyderm.jobs.values() if job.ref.pipeline == world.train}
    assert states[first] is JobState.RUNNING
    assert states[newest] is JobState.CREATED


def test_another_default_image_changes_nothing_until_the_spec_changes() -> None:
    world = trained_world()
    world.image = "trainer:2"
    world.reconcile()
    assert world.written() == []
    world.apply({"generation": {"words": 50}})
    assert world.pachyderm.pipelines[world.generate][-1].spec.image == "trainer:1", "the image that made the model"
    world.apply({"model": {"preset": "small"}})
    assert world.pachyderm.pipelines[world.train][-1].spec.image == "trainer:2"
    assert world.pachyderm.pipelines[world.generate][-1].spec.image == "trainer:2"


def test_retrain_at_trains_again_once() -> None:
    world = trained_world()
    world.apply(retrain_at="now")
    assert world.written() == [f"update {world.train.name}"]
    assert world.model.status["lastHandledRetrainAt"] == "now"
    world.reconcile()
    assert world.written() == []


def test_a_change_of_resources_waits_for_the_running_job_and_computes_nothing_again() -> None:
    world = trained_world()
    world.pachyderm.put(world.corpus, PLAYS)
    world.pachyderm.run(world.train)
    world.apply({"training": {"resources": {"requests": {"memory": "8Gi"}}}})
    assert world.written() == []
    reconciling = world.condition("Reconciling")
    assert reconciling["reason"] == "UpdateDeferred"
    assert f"an update of {world.train} waits for the job's end" in reconciling["message"]
    world.pachyderm.succeed(world.train)
    world.pachyderm.succeed(world.generate)
    world.reconcile()
    assert world.written() == [f"update {world.train.name}"]


def test_a_lost_generate_pipeline_is_created_after_the_update_of_train() -> None:
    """In one transaction it would read the previous model for ever."""
    world = trained_world()
    world.pachyderm.delete_pipeline(world.generate, keep_repo=False)
    world.want({"model": {"preset": "large"}})
    assert [change.ref for change in world.assess().difference.now] == [world.train]
    world.written()
    world.reconcile()
    assert world.written() == [f"update {world.train.name}", f"create {world.generate.name}"]


def test_a_job_that_computes_nothing_is_not_a_training() -> None:
    """Changed resources, or a resume, create a new commit of the same model, with the figures of the training."""
    gpu = {"training": {"gpu": {}}}
    world = started_world(gpu)
    world.pachyderm.run(world.train)
    world.pachyderm.advance(600)
    world.pachyderm.succeed(world.train)
    world.pachyderm.succeed(world.generate)
    world.reconcile()
    before = world.model.status
    assert before["training"]["gpuSeconds"] == 600
    for spec in ({"training": {"gpu": {"resource": "amd.com/gpu"}}}, {**gpu, "suspend": True}, gpu):
        world.apply(spec)
        world.pachyderm.advance(60)
        if not world.model.spec.suspend:
            world.finish(skipped=True)
            assert world.ready == ("True", "Generated")
        assert world.model.status["training"] == before["training"]


def test_resuming_a_finished_model_never_shows_it_as_unready() -> None:
    world = trained_world()
    before = world.model.status
    world.apply({"suspend": True})
    world.apply({"suspend": False})
    assert world.ready == ("True", "Generated"), "its jobs wait, and will compute nothing"
    for finish in (
        lambda: world.pachyderm.run(world.train),
        lambda: world.pachyderm.succeed(world.train, skipped=True),
        lambda: world.pachyderm.succeed(world.generate, skipped=True),
    ):
        finish()
        world.reconcile()
        assert world.ready == ("True", "Generated")
        assert world.model.status["training"]["perplexity"] == before["training"]["perplexity"]
        assert world.model.status["script"] == before["script"]


def test_resuming_a_model_that_has_yet_to_be_trained_shows_it_as_unready() -> None:
    world = trained_world()
    world.pachyderm.put(world.corpus, {**PLAYS, "/macbeth.txt": b"MACBETH: Is this a dagger?\n"})
    world.apply({"suspend": True})
    world.apply({"suspend": False})
    assert world.ready[0] == "False"
    world.apply({"model": {"preset": "large"}})
    assert world.ready[0] == "False"
