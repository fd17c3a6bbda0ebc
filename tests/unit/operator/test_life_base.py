"""Training that starts from a model: another object's, or one in a repo."""

from typing import Any

import pytest

from scriptmodel_operator.api.marks import Mark, Owner
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.engine.values import BranchRef, RepoInfo, RepoRef
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.unit.operator.world import PLAYS, World, scriptmodel, trained_world

MODEL = {"/model.json": b"{}", "/metrics.json": b"{}", "/weights-0123456789abcdef.safetensors": b"w"}
MODELS = BranchRef(RepoRef("default", "models"), "master")
FROM_REPO: dict[str, Any] = {"model": {"preset": "test", "from": {"repo": {"name": "models"}}}}
FROM_OBJECT: dict[str, Any] = {"model": {"preset": "test", "from": {"scriptModel": "shakespeare"}}}


def world_of(spec: dict[str, Any], pachyderm: FakePachyderm | None = None) -> World:
    world = World(model=scriptmodel(spec), pachyderm=pachyderm or FakePachyderm())
    world.pachyderm.put(world.corpus, PLAYS)
    world.written()
    return world


def base_world(pachyderm: FakePachyderm | None = None) -> World:
    """The object that others start from, trained."""
    world = World(model=scriptmodel(name="shakespeare", uid="uid-2"), pachyderm=pachyderm or FakePachyderm())
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    world.pachyderm.succeed(world.train)
    world.pachyderm.succeed(world.generate)
    world.reconcile()
    return world


def finish(world: World) -> None:
    world.end_jobs()
    world.reconcile()


def own_base(world: World) -> RepoRef:
    return references(world.model).own_base


def read_base(world: World) -> str:
    """The commit that the base of the newest version of train is a copy of; empty without a base."""
    branch = world.pachyderm.pipelines[world.train][-1].spec.input.base
    return branch.name.partition("-")[0] if branch else ""


def test_a_model_in_a_repo_is_copied_into_one_of_the_object_and_read_with_the_corpus() -> None:
    world = world_of(FROM_REPO)
    commit = world.pachyderm.put(MODELS, MODEL)
    world.reconcile()
    base = own_base(world)
    assert world.written() == [
        f"create repo {base.name}",
        f"copy models to {base.name}",
        f"create {world.train.name}",
        f"create {world.generate.name}",
    ]
    spec = world.pachyderm.pipelines[world.train][-1].spec
    assert spec.input.base is not None
    assert spec.input.base.repo == base
    assert world.pachyderm.files[base, world.pachyderm.heads[spec.input.base]] == MODEL
    assert "--from /pfs/base" in " ".join(spec.command)
    assert read_base(world) == commit
    finish(world)
    assert world.ready == ("True", "Generated")
    lineage = world.model.status["lineage"]
    assert lineage["base"] == f"default/models@{commit}"
    assert lineage["corpus"].startswith("default/plays@")
    assert world.written() == []


@pytest.mark.parametrize("spec", [FROM_REPO, FROM_OBJECT])
def test_a_base_that_is_deleted_or_fails_neither_stops_the_object_nor_waits_for_it(spec: dict[str, Any]) -> None:
    first = base_world()
    world = world_of(spec, first.pachyderm)
    world.pachyderm.put(MODELS, MODEL)
    world.reconcile()
    finish(world)
    before = world.model.status["lineage"]
    world.written()
    if spec is FROM_REPO:
        world.pachyderm.delete_repo(MODELS.repo)
    else:
        assert first.delete() is None
    world.written()
    world.reconcile()
    assert (world.ready, world.written()) == (("True", "Generated"), [])
    assert world.model.status["lineage"] == before
    world.pachyderm.put(world.corpus, {**PLAYS, "/macbeth.txt": b"MACBETH: So foul."})
    finish(world)
    assert world.ready == ("True", "Generated")
    assert world.model.status["lineage"]["base"] == before["base"]


@pytest.mark.parametrize("spec", [FROM_REPO, FROM_OBJECT])
def test_a_newer_base_is_not_copied(spec: dict[str, Any]) -> None:
    first = base_world()
    first.pachyderm.put(MODELS, MODEL)
    world = world_of(spec, first.pachyderm)
    world.reconcile()
    finish(world)
    base = read_base(world)
    first.want(retrain_at="now")
    first.reconcile()
    finish(first)
    first.pachyderm.put(MODELS, {**MODEL, "/weights-0123456789abcdef.safetensors": b"better"})
    world.written()
    world.reconcile()
    assert (world.ready, world.written(), read_base(world)) == (("True", "Generated"), [], base)


def test_an_object_that_starts_from_itself_trains_from_its_own_model_once() -> None:
    world = trained_world()
    world.want({"model": {"preset": "test", "from": {"scriptModel": "thrones"}}})
    for _ in range(2):
        world.reconcile()
        finish(world)
    assert world.ready == ("True", "Generated")
    assert len(world.pachyderm.pipelines[world.train]) == 2


@pytest.mark.parametrize(
    ("spec", "reason", "words"),
    [
        (FROM_REPO, "BaseNotFound", "base model default/models@master does not exist"),
        (FROM_OBJECT, "BaseNotFound", "base ScriptModel shakespeare with steps in project default does not exist"),
        (
            {"model": {"from": {"scriptModel": "thrones"}}},
            "BaseNotFound",
            "project default is this object, which has no model yet: remove spec.model.from",
        ),
    ],
)
def test_a_missing_base_is_named_and_nothing_is_created(spec: dict[str, Any], reason: str, words: str) -> None:
    world = world_of(spec)
    world.reconcile()
    assert world.ready == ("False", reason)
    assert words in world.condition("Ready")["message"]
    assert world.condition("Stalled")["status"] == "True"
    assert world.written() == []


def test_a_base_that_is_not_trained_yet_is_waited_for() -> None:
    first = World(model=scriptmodel(name="shakespeare", uid="uid-2"))
    first.pachyderm.put(first.corpus, PLAYS)
    first.reconcile()
    world = world_of(FROM_OBJECT, first.pachyderm)
    world.reconcile()
    assert world.ready == ("False", "WaitingForBase")
    assert world.condition("Stalled")["status"] == "False"
    first.pachyderm.succeed(first.train)
    first.reconcile()
    world.reconcile()
    assert world.ready == ("False", "WaitingForWorker")


def test_what_is_no_model_directory_is_refused() -> None:
    world = world_of(FROM_REPO)
    world.pachyderm.put(MODELS, PLAYS)
    world.reconcile()
    assert world.ready == ("False", "BaseInvalid")
    assert "is not a model directory, since it has no /model.json" in world.condition("Ready")["message"]
    assert world.written() == []
    commit = world.pachyderm.put(MODELS, MODEL)
    world.reconcile()
    finish(world)
    assert (world.ready, read_base(world)) == (("True", "Generated"), commit)


def test_a_repo_of_the_bases_name_that_is_somebody_elses_is_a_conflict() -> None:
    world = world_of(FROM_REPO)
    world.pachyderm.put(MODELS, MODEL)
    foreign = Mark(Owner("cluster-1", "other", "model", "1")).to_json()
    world.pachyderm.repos[own_base(world)] = RepoInfo(own_base(world), foreign)
    world.reconcile()
    assert world.ready == ("False", "NameConflict")
    assert "belongs to a ScriptModel of another namespace" in world.condition("Ready")["message"]
    assert world.written() == []


def test_the_copies_go_with_the_object_after_its_pipelines() -> None:
    world = world_of(FROM_REPO)
    world.pachyderm.put(MODELS, MODEL)
    world.reconcile()
    world.written()
    assert world.delete() is None
    assert world.written() == [
        f"delete {world.generate.name}",
        f"delete {world.train.name}",
        f"delete repo {own_base(world).name}",
    ]
    assert MODELS.repo in world.pachyderm.repos


def test_without_a_base_again_training_starts_with_random_weights_and_the_copies_go() -> None:
    world = world_of(FROM_REPO)
    world.pachyderm.put(MODELS, MODEL)
    world.reconcile()
    finish(world)
    world.written()
    world.apply()
    assert world.written() == [f"update {world.train.name}", f"delete repo {own_base(world).name}"]
    assert (read_base(world), world.pachyderm.reprocessed[world.train]) == ("", True)
    assert "--from" not in world.pachyderm.pipelines[world.train][-1].spec.command


def test_a_base_by_name_is_found_by_the_trainer_and_reported() -> None:
    world = world_of({"model": {"base": "drama-en"}})
    world.pachyderm.metrics |= {"base": {"name": "drama-en"}}
    world.reconcile()
    assert "--base drama-en" in " ".join(world.pachyderm.pipelines[world.train][-1].spec.command)
    world.pachyderm.run(world.train)
    world.reconcile()
    assert world.condition("Trained")["message"] == "the train job runs, from the base drama-en"
    finish(world)
    assert (world.ready, world.model.status["lineage"]["base"]) == (("True", "Generated"), "drama-en")
    assert "the model is trained from the base drama-en: " in world.condition("Trained")["message"]
