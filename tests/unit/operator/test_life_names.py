"""Names in Pachyderm over an object's life: what an older operator named keeps its name, found by marks alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scriptmodel_operator.api.names import PachydermNames, possible_names
from scriptmodel_operator.api.objects import ScriptModel, parse_object
from scriptmodel_operator.observe.naming import with_names
from scriptmodel_operator.observe.observer import Observer
from scriptmodel_operator.observe.snapshot import Snapshot
from scriptmodel_operator.pachyderm.values import BranchRef, PipelineRef, RepoRef
from tests.unit.operator.world import PLAYS, SPEC, World, scriptmodel, trained_world

NEW, OLDER = possible_names("ml", "thrones", "default")
CONFIG_MAP = {"corpus": {"configMap": {"name": "plays"}}}


class OlderObserver(Observer):
    """Names objects as older operators did."""

    def named(self, model: ScriptModel, _snapshot: Snapshot) -> ScriptModel:
        return replace(model, known_names=possible_names(model.namespace, model.name, "default")[1])


def older_world(spec: dict[str, Any] | None = None) -> World:
    """A trained model of an older operator."""
    world = World(model=scriptmodel(spec), source=PLAYS if spec and "configMap" in spec["corpus"] else None)
    world.observer = OlderObserver(world.pachyderm, world.cluster)
    if world.source is None:
        world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    world.pachyderm.succeed(world.train)
    world.pachyderm.succeed(world.generate)
    world.reconcile()
    assert world.ready == ("True", "Generated")
    world.written()
    return world


def upgraded(world: World, **changes: Any) -> World:
    """The same Pachyderm and object with this version; the object is read from the API server."""
    model = replace(world.model, known_names=None, **changes)
    return World(pachyderm=world.pachyderm, model=model, source=world.source)


def names(world: World) -> PachydermNames:
    return world.model.names


@pytest.mark.parametrize("spec", [SPEC, CONFIG_MAP])
@pytest.mark.parametrize("status", [True, False])
def test_an_upgrade_writes_nothing_whether_or_not_the_status_survived(spec: dict[str, Any], status: bool) -> None:
    before = older_world(spec)
    world = upgraded(before, **({} if status else {"status": {}, "uid": "restored"}))
    world.reconcile()
    assert names(world) == OLDER
    assert world.written() == []
    assert world.ready == ("True", "Generated")
    assert world.delete() is None
    assert not world.pachyderm.pipelines


@pytest.mark.parametrize("kept", ["train", "generate"])
def test_a_missing_pipeline_gets_the_name_that_fits_the_one_that_exists(kept: str) -> None:
    world = upgraded(older_world())
    older = {"train": PipelineRef("default", OLDER.train), "generate": PipelineRef("default", OLDER.generate)}
    gone = older["generate" if kept == "train" else "train"]
    world.pachyderm.pipelines.pop(gone)
    world.pachyderm.repos.pop(gone.output)
    world.reconcile()
    assert f"create {gone.name}" in world.written()
    assert names(world) == OLDER


def test_a_corpus_repo_alone_keeps_the_older_names() -> None:
    before = older_world(CONFIG_MAP)
    for ref in (before.generate, before.train):
        before.pachyderm.delete_pipeline(ref, keep_repo=False)
    world = upgraded(before, status={})
    world.written()
    world.reconcile()
    assert world.written() == [f"create {OLDER.train}", f"create {OLDER.generate}"], "no second corpus"


def test_retained_repos_of_older_names_do_not_block_an_object_that_is_created_again() -> None:
    before = older_world({**SPEC, "deletionPolicy": "Retain"})
    assert before.delete() is None
    world = World(pachyderm=before.pachyderm, model=scriptmodel(uid="again"))
    world.written()
    world.reconcile()
    assert world.written() == [f"create {NEW.train}", f"create {NEW.generate}"]
    assert RepoRef("default", OLDER.train) in world.pachyderm.repos, "what was retained is untouched"


def test_a_retained_corpus_is_used_again_by_the_object_that_is_created_again() -> None:
    before = older_world({**CONFIG_MAP, "deletionPolicy": "Retain"})
    assert before.delete() is None
    world = World(pachyderm=before.pachyderm, model=scriptmodel(CONFIG_MAP, uid="again"), source=before.source)
    world.reconcile()
    assert names(world) == OLDER
    assert world.ready == ("False", "RetainedRepos")


def test_a_new_object_gets_new_names() -> None:
    world = trained_world()
    assert names(world) == NEW
    assert {ref.name for ref in world.pachyderm.pipelines} == set(NEW.pipelines)


def test_a_pipeline_whose_spec_was_replaced_under_an_older_name_is_still_ours() -> None:
    world = upgraded(older_world())
    for name in OLDER.pipelines:
        world.pachyderm.edit(PipelineRef("default", name), annotations={}, datum_tries=9)
    world.reconcile()
    assert world.written() == [f"update {OLDER.train}", f"update {OLDER.generate}"]


def test_pipelines_of_both_forms_which_a_downgrade_makes_all_go_with_the_object() -> None:
    world = trained_world()
    older = World(pachyderm=world.pachyderm, model=world.model)
    older.observer = OlderObserver(world.pachyderm, world.cluster)
    older.reconcile()
    assert len(world.pachyderm.pipelines) == 4
    world.reconcile()
    assert names(world) == NEW
    assert world.delete() is None
    assert not world.pachyderm.pipelines


def test_another_object_with_the_same_older_name_is_neither_blocked_nor_able_to_take_it_over() -> None:
    """`team-22624/thrones` and `team-65614/thrones` had the same names once."""
    victim = World(model=scriptmodel(namespace="team-22624"))
    victim.observer = OlderObserver(victim.pachyderm, victim.cluster)
    victim.pachyderm.put(victim.corpus, PLAYS)
    victim.reconcile()
    held = {ref: list(versions) for ref, versions in victim.pachyderm.pipelines.items()}
    for adopt in (False, True):
        attacker = World(victim.pachyderm, scriptmodel(namespace="team-65614", uid="2", adopt=adopt))
        attacker.written()
        attacker.reconcile()
        assert attacker.ready == ("False", "WaitingForWorker")
        assert attacker.delete() is None
        assert victim.pachyderm.pipelines == held


@pytest.mark.parametrize("cluster", ["cluster-1", "cluster-2"])
@pytest.mark.parametrize(
    ("namespace", "said"), [("other", "a ScriptModel of another namespace"), ("ml", "ScriptModel ml/secret-play")]
)
def test_objects_of_another_scriptmodel_are_never_adopted_nor_their_namespace_revealed(
    cluster: str, namespace: str, said: str
) -> None:
    """Only somebody with access to Pachyderm can create this state; adoption must not complete the attack."""
    owner = World(model=scriptmodel(namespace=namespace, name="secret-play"), cluster=cluster)
    owner.observer = _Naming(NEW, owner.pachyderm, cluster)
    owner.pachyderm.put(owner.corpus, PLAYS)
    owner.reconcile()
    world = World(pachyderm=owner.pachyderm, model=scriptmodel(uid="2", adopt=True))
    world.written()
    world.reconcile()
    assert world.written() == []
    assert world.ready == ("False", "NameConflict")
    message = world.condition("Ready")["message"]
    assert said in message
    assert "other/" not in message
    assert "adopt" not in message
    assert world.delete() is None
    assert set(owner.pachyderm.pipelines) == {PipelineRef("default", name) for name in NEW.pipelines}


def test_a_corpus_repo_of_another_scriptmodel_is_never_adopted() -> None:
    owner = World(model=scriptmodel(CONFIG_MAP, namespace="other"), source={"/theirs.txt": b"x\n"})
    owner.observer = _Naming(NEW, owner.pachyderm, owner.cluster)
    owner.reconcile()
    for name in reversed(NEW.pipelines):
        owner.pachyderm.delete_pipeline(PipelineRef("default", name), keep_repo=False)
    world = World(owner.pachyderm, scriptmodel(CONFIG_MAP, uid="2", adopt=True), source=PLAYS)
    world.written()
    world.reconcile()
    assert world.written() == []
    assert world.ready == ("False", "NameConflict")
    assert "a ScriptModel of another namespace" in world.condition("Ready")["message"]


class _Naming(Observer):
    """Store the pipelines of one object under the names of another."""

    def __init__(self, given: PachydermNames, *rest: Any) -> None:
        super().__init__(*rest)
        self._given = given

    def named(self, model: ScriptModel, _snapshot: Snapshot) -> ScriptModel:
        return replace(model, known_names=self._given)


def test_restored_into_another_cluster_the_older_names_are_a_conflict_that_adoption_solves() -> None:
    before = older_world()
    world = World(pachyderm=before.pachyderm, model=scriptmodel(uid="2"), cluster="cluster-2")
    world.reconcile()
    assert world.ready == ("False", "NameConflict")
    assert "ScriptModel ml/thrones of another cluster" in world.condition("Ready")["message"]
    world.want(adopt=True)
    world.reconcile()
    assert world.written() == [f"update {OLDER.train}", f"update {OLDER.generate}"]


@pytest.mark.parametrize("status", [True, False])
def test_a_persons_command_finds_the_names_by_the_status_or_by_the_marks(status: bool) -> None:
    before = older_world()
    metadata = {"namespace": "ml", "name": "thrones", "uid": "uid-1"}
    raw = {"metadata": metadata, "spec": SPEC, "status": before.model.status if status else {}}
    model = with_names(parse_object(raw), before.pachyderm)
    assert model.names == OLDER
    new = trained_world()
    assert with_names(parse_object({**raw, "status": new.model.status if status else {}}), new.pachyderm).names == NEW


def test_branches_of_an_owned_corpus_follow_the_names() -> None:
    before = older_world(CONFIG_MAP)
    world = upgraded(before)
    world.source = {"/macbeth.txt": b"MACBETH: Tomorrow.\n"}
    world.reconcile()
    assert world.corpus == BranchRef(RepoRef("default", OLDER.corpus), "master")
    assert any(OLDER.corpus in call for call in world.written())
