"""The life of a ScriptModel against a Pachyderm in memory: what is decided, what is done, what is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.source import Source, SourceError, from_config_map
from scriptmodel_operator.pachyderm.errors import PipelineLimitError
from scriptmodel_operator.pachyderm.values import (
    BranchRef,
    JobState,
    PipelineApply,
    PipelineRef,
    PipelineState,
    RepoRef,
)
from scriptmodel_operator.reconcile.state import Problem
from tests.unit.operator.fake_pachyderm import SCRIPT
from tests.unit.operator.world import PLAYS, World, scriptmodel, trained_world


def event(**fields: object) -> str:
    return json.dumps({"time": 0, **fields})


def test_a_new_object_gets_both_pipelines_in_one_call_and_then_nothing_more_is_written() -> None:
    world = World()
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    assert world.written() == [f"create {world.train.name}", f"create {world.generate.name}"]
    assert world.ready == ("False", "WaitingForWorker")
    world.reconcile()
    assert world.written() == []


def test_progress_comes_from_the_running_jobs_log() -> None:
    world = World()
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    lines = [
        "2026 I tensorflow/core: this binary is optimized",
        event(event="start", epochs=4),
        event(
            event="progress", epoch=2, epochs=4, fraction=0.5, perplexity=321.5, words_per_second=900, eta_seconds=75
        ),
    ]
    job = world.pachyderm.run(world.train, lines)
    world.observer.logs._read_once(job.ref)
    world.reconcile()
    training = world.model.status["training"]
    assert world.ready == ("False", "Training")
    assert (training["epochProgress"], training["progressPercent"]) == ("2/4", 37)
    assert training["perplexity"] == {"train": "321.5", "best": "321.5"}
    assert (training["wordsPerSecond"], training["eta"]) == (900, "1m15s")
    world.observer.logs.close()


def test_a_script_makes_it_ready_with_lineage_excerpt_and_history() -> None:
    world = trained_world()
    status = world.model.status
    assert status["training"]["perplexity"] == {"train": "150.0", "valid": "170.0", "test": "160.0", "best": "160.0"}
    assert status["training"]["progressPercent"] == 100
    assert status["script"]["excerpt"] == SCRIPT.decode()
    assert status["script"]["words"] == 5
    assert status["lineage"]["corpus"]["commit"] == world.pachyderm.heads[world.corpus]
    assert status["history"] == [
        {
            "generation": 1,
            "modelCommit": status["lineage"]["model"]["commit"],
            "perplexity": "160.0",
            "finished": "2026-01-01T00:00:00Z",
        }
    ]


def test_another_preset_retrains_in_place_and_the_old_script_stays_meanwhile() -> None:
    world = trained_world()
    world.want({"model": {"preset": "small"}})
    world.reconcile()
    assert world.written() == [f"update {world.train.name}"]
    assert world.ready == ("False", "WaitingForWorker")
    assert world.model.status["script"]["excerpt"] == SCRIPT.decode()
    world.pachyderm.succeed(world.train)
    world.reconcile()
    assert world.ready == ("False", "Generating")
    world.pachyderm.succeed(world.generate)
    world.reconcile()
    assert world.ready == ("True", "Generated")
    assert [entry["generation"] for entry in world.model.status["history"]] == [2, 1]
    assert world.written() == []


def test_another_generation_writes_a_new_script_and_leaves_training_alone() -> None:
    world = trained_world()
    model = world.model.status["lineage"]["model"]["commit"]
    first = world.model.status["lineage"]["script"]["commit"]
    world.want({"generation": {"words": 50}})
    world.reconcile()
    assert world.written() == [f"update {world.generate.name}"]
    assert world.ready == ("False", "Generating")
    world.pachyderm.succeed(world.generate)
    world.reconcile()
    assert world.ready == ("True", "Generated")
    assert world.model.status["lineage"]["model"]["commit"] == model
    assert world.model.status["lineage"]["script"]["commit"] != first


def test_a_new_commit_in_the_corpus_is_not_ready_until_it_has_a_script() -> None:
    world = trained_world()
    commit = world.pachyderm.put(world.corpus, {**PLAYS, "/macbeth.txt": b"MACBETH: Is this a dagger?\n"})
    world.reconcile()
    assert world.ready == ("False", "WaitingForWorker")
    world.pachyderm.succeed(world.train)
    world.pachyderm.succeed(world.generate)
    world.reconcile()
    assert world.ready == ("True", "Generated")
    assert world.model.status["lineage"]["corpus"]["commit"] == commit
    assert world.written() == []


def test_waiting_jobs_that_a_newer_commit_overtook_are_stopped_and_the_running_one_goes_on() -> None:
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
    world.observer.logs.close()


def test_a_failed_training_tells_the_trainers_own_words_and_keeps_the_last_script() -> None:
    world = trained_world()
    world.pachyderm.put(world.corpus, {"/empty.txt": b"\n"})
    error = event(event="error", code="no-words", message="the corpus has no words", hint="put scripts into it")
    world.pachyderm.fail(world.train, ["Traceback of something", error])
    world.reconcile()
    assert world.ready == ("False", "TrainingFailed")
    assert "the corpus has no words (put scripts into it)" in world.condition("Ready")["message"]
    assert world.condition("Stalled")["status"] == "True"
    assert world.model.status["script"]["excerpt"] == SCRIPT.decode()
    world.want({"generation": {"words": 9}})
    world.reconcile()
    assert world.written() == [], "generate is not touched while there is no model for it"


def test_a_failure_without_an_error_event_tells_the_last_lines_or_that_they_are_gone() -> None:
    world = World()
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    world.pachyderm.fail(world.train, ["Segmentation fault"])
    world.reconcile()
    assert "Segmentation fault" in world.condition("Ready")["message"]
    other = World()
    other.pachyderm.put(other.corpus, PLAYS)
    other.reconcile()
    other.pachyderm.fail(other.train)
    other.reconcile()
    assert "log is gone" in other.condition("Ready")["message"]


@pytest.mark.parametrize(
    ("prepare", "reason", "words"),
    [
        (lambda world: world.written(), "CorpusNotFound", "pachctl create repo plays"),
        (
            lambda world: world.pachyderm.put(BranchRef(world.corpus.repo, "draft"), PLAYS),
            "CorpusBranchNotFound",
            "has no branch 'master'",
        ),
        (lambda world: world.pachyderm.put(world.corpus, {}), "CorpusEmpty", "pachctl put file plays@master"),
        (lambda world: world.pachyderm.projects.clear(), "ProjectNotFound", "pachctl create project default"),
    ],
)
def test_what_is_missing_is_told_with_what_to_do_and_nothing_is_created(
    prepare: Callable[[World], object], reason: str, words: str
) -> None:
    world = World()
    prepare(world)
    world.reconcile()
    assert world.ready == ("False", reason)
    assert words in world.condition("Ready")["message"]
    assert world.condition("Stalled")["status"] == "True"
    assert world.written() == []


def test_a_corpus_that_appears_later_is_taken_up() -> None:
    world = World()
    world.reconcile()
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    assert len(world.written()) == 2


def test_an_operator_with_another_default_image_changes_nothing_until_the_spec_changes() -> None:
    world = trained_world()
    world.image = "trainer:2"
    world.reconcile()
    assert world.written() == []
    world.want({"generation": {"words": 50}})
    world.reconcile()
    assert world.pachyderm.pipelines[world.generate][-1].spec.image == "trainer:1", "the image that made the model"
    world.want({"model": {"preset": "small"}})
    world.reconcile()
    assert world.pachyderm.pipelines[world.train][-1].spec.image == "trainer:2"
    assert world.pachyderm.pipelines[world.generate][-1].spec.image == "trainer:2"


def test_retrain_at_trains_again_once() -> None:
    world = trained_world()
    world.want(retrain_at="now")
    world.reconcile()
    assert world.written() == [f"update {world.train.name}"]
    assert world.model.status["lastHandledRetrainAt"] == "now"
    world.reconcile()
    assert world.written() == []


def test_a_change_of_resources_waits_for_the_running_job_and_computes_nothing_again() -> None:
    world = trained_world()
    world.pachyderm.put(world.corpus, PLAYS)
    world.pachyderm.run(world.train)
    world.want({"training": {"resources": {"requests": {"memory": "8Gi"}}}})
    world.reconcile()
    assert world.written() == []
    assert world.condition("Reconciling")["reason"] == "UpdateDeferred"
    world.pachyderm.succeed(world.train)
    world.pachyderm.succeed(world.generate)
    world.reconcile()
    assert world.written() == [f"update {world.train.name}"]
    world.observer.logs.close()


def test_drift_is_corrected_or_only_told_of() -> None:
    world = trained_world()
    world.pachyderm.edit(world.generate, command=("rm", "-rf", "/"))
    world.reconcile()
    assert world.written() == [f"update {world.generate.name}"]
    assert world.pachyderm.pipelines[world.generate][-1].spec.command[0] == "scriptmodel-trainer"
    warned = trained_world({"driftPolicy": "Warn"})
    warned.pachyderm.edit(warned.generate, datum_tries=7)
    warned.pachyderm.succeed(warned.generate)
    warned.reconcile()
    assert warned.written() == []
    assert warned.ready == ("True", "Generated")
    assert "changed by somebody else" in warned.condition("Ready")["message"]


def test_what_the_server_makes_of_a_spec_is_no_drift() -> None:
    """Otherwise a server that writes a quantity in another way would be corrected for ever."""
    world = trained_world()
    info = world.pachyderm.pipelines[world.train][-1]
    world.pachyderm.pipelines[world.train][-1] = replace(info, spec=replace(info.spec, glob="/."))
    world.reconcile()
    assert world.written() == []


def test_a_pipeline_that_vanished_is_created_again() -> None:
    world = trained_world()
    world.pachyderm.delete_pipeline(world.generate, keep_repo=False)
    world.written()
    world.reconcile()
    assert world.written() == [f"create {world.generate.name}"]


def test_suspend_stops_both_and_resume_starts_them() -> None:
    world = trained_world()
    world.want({"suspend": True})
    world.reconcile()
    assert world.written() == [f"stop {world.generate.name}", f"stop {world.train.name}"]
    assert world.ready == ("False", "Suspended")
    world.reconcile()
    assert world.written() == []
    world.want({})
    world.reconcile()
    assert world.written() == [f"start {world.train.name}", f"start {world.generate.name}"]


def test_a_pipeline_of_somebody_else_is_never_touched() -> None:
    other = trained_world()
    world = World(pachyderm=other.pachyderm, model=scriptmodel(uid="uid-2"), cluster="cluster-2")
    world.reconcile()
    assert world.ready == ("False", "NameConflict")
    assert world.written() == []
    world.want(adopt=True)
    world.reconcile()
    assert world.written() == [f"update {world.train.name}", f"update {world.generate.name}"]


def test_the_same_name_with_another_uid_takes_over_without_a_write() -> None:
    world = trained_world()
    successor = World(pachyderm=world.pachyderm, model=scriptmodel(uid="uid-2"))
    successor.reconcile()
    assert successor.ready == ("True", "Generated")
    assert successor.written() == []


def test_deletion_takes_both_pipelines_and_leaves_the_corpus() -> None:
    world = trained_world()
    assert world.delete().gone
    assert world.written() == [f"delete {world.generate.name}", f"delete {world.train.name}"]
    assert set(world.pachyderm.repos) == {world.corpus.repo}


def test_deletion_that_retains_keeps_the_repos_and_a_new_object_says_what_is_in_the_way() -> None:
    world = trained_world({"deletionPolicy": "Retain"})
    assert world.delete().gone
    assert world.train.output in world.pachyderm.repos
    world.reconcile()
    assert world.ready == ("False", "RetainedRepos")
    assert f"pachctl delete repo {world.train.name}" in world.condition("Ready")["message"]


def test_deletion_with_foreign_readers_deletes_nothing_and_names_them() -> None:
    world = trained_world()
    theirs = replace(
        world.pachyderm.pipelines[world.generate][-1].spec, ref=PipelineRef("default", "reader"), annotations={}
    )
    world.pachyderm.apply_pipelines([PipelineApply(theirs)])
    world.written()
    state = world.delete()
    assert state.blocked is not None
    assert "default/reader" in state.blocked.message
    assert world.written() == []


def test_a_server_without_room_refuses_both_pipelines() -> None:
    world = World()
    world.pachyderm.put(world.corpus, PLAYS)
    world.pachyderm.pipeline_limit = 1
    with pytest.raises(PipelineLimitError):
        world.reconcile()
    assert world.pachyderm.pipelines == {}


def test_no_worker_in_time_and_too_long_a_run_are_stopped_and_say_so() -> None:
    world = World(model=scriptmodel({"training": {"pendingDeadline": "1m", "activeDeadline": "2m"}}))
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    world.pachyderm.advance(61)
    world.reconcile()
    assert world.ready == ("False", "WorkerUnavailable")
    world.want({"training": {"pendingDeadline": "1m", "activeDeadline": "2m"}}, retrain_at="again")
    world.reconcile()
    world.pachyderm.run(world.train)
    world.pachyderm.advance(121)
    world.reconcile()
    assert world.ready == ("False", "DeadlineExceeded")
    world.observer.logs.close()


def test_a_pipeline_that_kubernetes_refuses_and_one_that_finds_no_node_say_why() -> None:
    world = World()
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    world.pachyderm.set_state(
        world.train, PipelineState.CRASHING, "0/1 nodes are available: 1 Insufficient nvidia.com/gpu"
    )
    world.reconcile()
    assert world.ready == ("False", "WaitingForWorker")
    assert "Insufficient nvidia.com/gpu" in world.condition("Ready")["message"]
    world.pachyderm.set_state(world.train, PipelineState.FAILURE, "could not update resources")
    world.reconcile()
    assert world.ready == ("False", "PipelineFailed")


def test_a_job_without_data_never_counts_as_trained() -> None:
    world = trained_world()
    world.pachyderm.put(world.corpus, {})
    world.pachyderm.succeed(world.train)
    world.reconcile()
    assert world.ready == ("False", "NoData")
    assert world.condition("Trained")["status"] == "False"


def test_another_corpus_repo_is_read_in_place() -> None:
    world = trained_world()
    other = BranchRef(RepoRef("default", "series"), "master")
    world.want({"corpus": {"repo": {"name": "series"}}})
    world.reconcile()
    assert world.ready == ("False", "CorpusNotFound")
    assert world.written() == []
    world.pachyderm.put(other, PLAYS)
    world.reconcile()
    assert world.written() == [f"update {world.train.name}"]
    assert world.pachyderm.pipelines[world.train][-1].inputs == (other,)


CONFIG_MAP = {"corpus": {"configMap": {"name": "plays"}}}


def owned_world() -> World:
    world = World(model=scriptmodel(CONFIG_MAP))
    world.source = Source(PLAYS)
    world.reconcile()
    return world


def test_a_config_map_becomes_one_commit_of_a_repo_of_the_objects_own() -> None:
    world = owned_world()
    corpus = world.model.names.corpus
    assert world.written() == [
        f"create repo {corpus}",
        f"put {corpus}",
        f"create {world.train.name}",
        f"create {world.generate.name}",
    ]
    world.reconcile()
    assert world.written() == [], "equal data is not committed again"
    world.source = Source({"/macbeth.txt": b"MACBETH: Is this a dagger?"})
    world.reconcile()
    assert world.written() == [f"put {corpus}", f"stop job {world.train.name}"]
    head = world.pachyderm.heads[world.corpus]
    assert set(world.pachyderm.files[world.corpus.repo, head]) == {"/macbeth.txt"}


def test_a_commit_that_the_server_still_finishes_is_waited_for_and_not_made_again() -> None:
    world = World(model=scriptmodel(CONFIG_MAP))
    world.source = Source(PLAYS)
    world.pachyderm.finishes_at_once = False
    world.reconcile()
    world.reconcile()
    corpus = world.model.names.corpus
    assert world.written() == [f"create repo {corpus}", f"put {corpus}"]
    assert world.ready == ("False", "WaitingForCorpusCommit")
    world.pachyderm.finish(world.corpus)
    world.reconcile()
    assert world.written() == [f"create {world.train.name}", f"create {world.generate.name}"]


def test_an_own_corpus_goes_with_the_object_unless_it_is_retained_or_read_by_others() -> None:
    world = owned_world()
    assert world.delete().gone
    assert world.pachyderm.repos == {}
    kept = owned_world()
    kept.want({**CONFIG_MAP, "deletionPolicy": "Retain"})
    assert kept.delete().gone
    assert kept.corpus.repo in kept.pachyderm.repos


def test_an_own_corpus_goes_once_the_pipelines_read_another_one() -> None:
    world = owned_world()
    own = world.corpus.repo
    world.pachyderm.put(BranchRef(RepoRef("default", "plays"), "master"), PLAYS)
    world.want({})
    world.source = None
    world.written()
    world.reconcile()
    assert world.written() == [f"update {world.train.name}", f"delete repo {own.name}"]
    assert own not in world.pachyderm.repos


def test_a_repo_of_somebody_else_by_that_name_is_never_written_to() -> None:
    world = World(model=scriptmodel(CONFIG_MAP))
    world.source = Source(PLAYS)
    world.pachyderm.put(world.corpus, {"/theirs.txt": b"x"})
    world.reconcile()
    assert world.ready == ("False", "NameConflict")
    assert world.written() == []
    assert world.delete().gone
    assert world.corpus.repo in world.pachyderm.repos


def test_a_source_without_bytes_or_without_a_config_map_is_told() -> None:
    world = World(model=scriptmodel(CONFIG_MAP))
    world.source = Source({"/empty.txt": b""})
    world.reconcile()
    assert world.ready == ("False", "CorpusEmpty")
    world.source = Problem(Reason.CONFIG_MAP_NOT_FOUND, "create it")
    world.reconcile()
    assert world.ready == ("False", "ConfigMapNotFound")
    assert world.written() == []


def test_config_maps_have_text_and_bytes() -> None:
    raw = {"data": {"a.txt": "Ü"}, "binaryData": {"b.txt": "aGVsbG8="}}
    assert from_config_map(raw).files == {"/a.txt": "Ü".encode(), "/b.txt": b"hello"}
    assert from_config_map({}).size_bytes == 0
    with pytest.raises(SourceError, match=r"binaryData\.b"):
        from_config_map({"binaryData": {"b": "!"}})
