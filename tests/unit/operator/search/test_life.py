"""A search: its pipelines, its trials, and what becomes of it when the spec or the corpus changes meanwhile."""

import json
from dataclasses import replace
from typing import Any

import pytest

from scriptmodel_operator.desired.references import references
from scriptmodel_operator.engine.values import JobInfo, commit_of, folder_of
from scriptmodel_operator.observe.follow import LogFollower
from tests.unit.operator.search.worlds import (
    RANDOM,
    finish,
    put,
    search,
    search_world,
    trials,
)
from tests.unit.operator.world import World, trained_world


def changed(spec: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**spec, "search": {**spec["search"], **fields}}


def written(world: World) -> list[JobInfo]:
    """Return the jobs that wrote a script."""
    return [job for job in world.pachyderm.jobs.values() if job.ref.pipeline == world.generate and job.good]


def test_runs_are_put_before_the_pipelines_are_created_and_the_best_model_writes() -> None:
    world = search_world(RANDOM)
    world.written()
    world.reconcile()
    names = references(world.model)
    assert world.written() == [
        f"create repo {names.own_trials.name}",
        f"put {names.own_trials.name}",
        f"create {names.train.name}",
        f"create {names.generate.name}",
    ]
    spec = world.pachyderm.pipelines[world.train][-1].spec
    assert (spec.input.trials, spec.datums.workers, spec.datums.per_task) == (trials(world), 2, 1)
    assert spec.command[:4] == ("scriptmodel-trainer", "trial", "--trial", "/pfs/trial")
    assert {**put(world)["0001"], "parameters": ""} == {"parameters": "", "seed": 0}
    assert search(world, {"0001": "diverged", "0002": 7.0, "0003": 6.0}) == [3]
    assert world.ready == ("True", "Generated")
    assert world.written() == []
    assert world.condition("Trained")["message"].startswith("trial 3 is the best: perplexity 60.0 (validation)")
    status = world.model.status
    assert status["search"]["trials"] == {
        "total": 3,
        "complete": 2,
        "failed": 1,
        "waiting": 0,
        "running": 0,
    }
    assert [each["trial"] for each in status["search"]["top"]] == ["0003", "0002", "0001"]
    assert status["search"]["top"][2]["reason"] == "diverged"
    assert (status["search"]["completed"], status["search"]["gpuSeconds"]) == ("3/3", 24)
    repo, commit = commit_of(status["lineage"]["model"])
    assert repo == names.train.output
    assert world.pachyderm.files[repo, commit]["/0003/model.json"] == b"0003"
    assert folder_of(status["lineage"]["model"]) == "/0003"
    assert status["lineage"]["corpus"].startswith("default/plays@")
    assert status["perplexity"] == "60.0"
    assert [each["name"] for each in status["pipelines"]] == [names.train.name, names.generate.name]
    assert world.written() == []
    world.reconcile()
    assert world.written() == []


def test_trials_that_are_added_wait_for_the_job_in_progress() -> None:
    world = search_world(RANDOM)
    world.reconcile()
    world.pachyderm.run(world.train)
    world.want(changed(RANDOM, numTrials=5))
    world.reconcile()
    assert list(put(world)) == ["0001", "0002", "0003"]
    assert search(world) == [3, 2]


def test_a_search_is_added_to_a_trained_model_and_removed_again() -> None:
    world = trained_world()
    script = world.model.status["lineage"]["script"]
    world.want(RANDOM)
    world.reconcile()
    assert world.model.status["lineage"]["script"] == script
    assert search(world) == [3]
    assert world.ready == ("True", "Generated")
    best = world.model.status["lineage"]["model"]
    world.want()
    world.written()
    world.reconcile()
    assert world.model.status["lineage"]["model"] == best, "until another model has written"
    assert trials(world).repo not in world.pachyderm.repos
    finish(world)
    world.reconcile()
    assert world.ready == ("True", "Generated")
    assert "search" not in world.model.status
    assert folder_of(world.model.status["lineage"]["model"]) == ""


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_a_search_is_deleted_with_its_object(policy: str) -> None:
    world = search_world({**RANDOM, "deletionPolicy": policy})
    search(world)
    world.written()
    assert world.delete() is None
    refs = references(world.model)
    assert world.written()[:2] == [f"delete {each.name}" for each in (refs.generate, refs.train)]
    assert world.pachyderm.pipelines == {}
    assert (refs.own_trials in world.pachyderm.repos) == (policy == "Retain")


def test_a_search_whose_trials_all_fail_recovers() -> None:
    world = search_world(RANDOM)
    search(world, {"0001": "diverged", "0002": "diverged", "0003": "killed"})
    assert world.ready == ("False", "TrainingFailed")
    assert written(world) == []
    message = world.condition("Stalled")["message"]
    assert "all 3 trials failed (" in message
    assert "trial 1: training diverged in epoch 3" in message
    world.want(changed(RANDOM, numTrials=4))
    assert search(world) == [1]
    assert world.ready == ("True", "Generated")
    assert len(written(world)) == 1


def test_progress_is_that_of_all_runs() -> None:
    world = search_world(RANDOM)
    world.reconcile()
    started = {"event": "start", "epochs": 8, "preset": "test", "state": True}
    progress = {"event": "progress", "epoch": 3, "epochs": 8, "fraction": 0.0, "perplexity": 90.0}
    ended = {"event": "trial", "state": "complete", "perplexity": 88.1, "value": 2.0, "epochs": 8, "gpu_seconds": 2}
    lines = [json.dumps({**each, "trial": name}) for name in ("0001", "0002") for each in (started, progress)]
    job = world.pachyderm.run(world.train)
    world.pachyderm.jobs[job.ref] = replace(job, data_total=3, data_processed=1)
    world.pachyderm.advance(60)
    world.pachyderm.logs[job.ref] = [*lines, json.dumps({**ended, "trial": "0001"})]
    world.observer.logs = LogFollower(world.pachyderm, limit=0)
    world.reconcile()
    assert world.condition("Trained")["message"] == "1 of 3 runs done, best 88.1 (trial 1)"
    found = world.model.status["search"]
    assert found["trials"] == {"total": 3, "waiting": 1, "running": 1, "complete": 1, "failed": 0}
    assert found["progressPercent"] == 41, "one and a quarter of three trainings"
    assert found["etaSeconds"] == 84
    assert world.model.status["training"]["eta"] == "1m24s"


def test_the_best_model_of_a_search_is_the_base_of_another_object() -> None:
    first = search_world(RANDOM, name="shakespeare", uid="uid-2")
    search(first)
    world = search_world({"model": {"preset": "test", "from": {"scriptModel": "shakespeare"}}}, first.pachyderm)
    world.reconcile()
    finish(world)
    world.reconcile()
    repo, commit = commit_of(first.model.status["lineage"]["model"])
    assert world.model.status["lineage"]["base"] == f"{repo}@{commit}"
    owned, copy = references(world.model).own_base, commit_of(world.model.status["lineage"]["base"])[1]
    (copied,) = (files for (held, _), files in world.pachyderm.files.items() if held == owned)
    assert copy == commit
    assert copied["/0001/model.json"] == b"0001"
    assert {path.split("/")[1] for path in copied} == {"0001"}
