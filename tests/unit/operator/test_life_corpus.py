"""Corpora: another repo, and a repo of the object's own that the operator fills."""

import pytest

from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.engine.values import BranchRef, RepoRef
from scriptmodel_operator.ingest.fetch import SourceError
from scriptmodel_operator.ingest.source import from_config_map
from tests.unit.operator.world import PLAYS, World, scriptmodel, trained_world

CONFIG_MAP = {"corpus": {"configMap": {"name": "plays"}}}


@pytest.mark.parametrize("other", [{"name": "series"}, {"name": "plays", "branch": "staging"}])
def test_the_last_script_keeps_its_lineage_while_another_corpus_is_trained_on(other: dict[str, str]) -> None:
    world = trained_world()
    before = world.model.status["lineage"]
    world.want({"corpus": {"repo": other}})
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    assert world.written() == [f"update {world.train.name}"]
    assert world.model.status["lineage"] == before
    world.pachyderm.succeed(world.train)
    world.pachyderm.succeed(world.generate)
    world.reconcile()
    assert world.model.status["lineage"]["corpus"] == f"{world.corpus.repo}@{world.pachyderm.heads[world.corpus]}"


def owned_world() -> World:
    world = World(model=scriptmodel(CONFIG_MAP))
    world.source = PLAYS
    world.reconcile()
    return world


def test_a_commit_that_the_server_still_finishes_is_waited_for_and_not_made_again() -> None:
    world = World(model=scriptmodel(CONFIG_MAP))
    world.source = PLAYS
    world.pachyderm.finishes_at_once = False
    world.reconcile()
    world.reconcile()
    corpus = world.corpus.repo.name
    assert world.written() == [f"create repo {corpus}", f"put {corpus}"]
    assert world.ready == ("False", "WaitingForCorpusCommit")
    world.pachyderm.finish(world.corpus)
    world.reconcile()
    assert world.written() == [f"create {world.train.name}", f"create {world.generate.name}"]


def test_an_own_corpus_that_others_read_keeps_everything_as_it_is() -> None:
    """It would stay without an owner, and nobody would notice."""
    world = owned_world()
    reader = world.read_by_others(world.train)
    world.written()
    blocked = world.delete()
    assert blocked is not None
    assert "(default/reader)" in blocked.message
    assert world.written() == []
    world.pachyderm.delete_pipeline(reader, keep_repo=False)
    assert world.delete() is None
    assert world.pachyderm.repos == {}


def test_an_own_corpus_goes_with_the_object_unless_it_is_retained() -> None:
    world = owned_world()
    assert world.delete() is None
    assert world.pachyderm.repos == {}
    kept = owned_world()
    kept.want({**CONFIG_MAP, "deletionPolicy": "Retain"})
    assert kept.delete() is None
    assert kept.corpus.repo in kept.pachyderm.repos


def test_an_own_corpus_that_somebody_else_reads_outlives_its_use() -> None:
    world = owned_world()
    own = world.corpus.repo
    reader = world.read_by_others(world.train)
    world.pachyderm.put(BranchRef(RepoRef("default", "plays"), "master"), PLAYS)
    world.want({})
    world.source = None
    world.reconcile()
    assert own in world.pachyderm.repos
    world.pachyderm.delete_pipeline(reader, keep_repo=False)
    world.reconcile()
    assert own not in world.pachyderm.repos


def test_a_repo_of_somebody_else_by_that_name_is_never_written_to() -> None:
    world = World(model=scriptmodel(CONFIG_MAP))
    world.source = PLAYS
    world.pachyderm.put(world.corpus, {"/theirs.txt": b"x"})
    world.reconcile()
    assert world.ready == ("False", "NameConflict")
    assert world.written() == []
    assert world.delete() is None
    assert world.corpus.repo in world.pachyderm.repos


def test_an_empty_source_and_a_missing_config_map_are_reported() -> None:
    world = World(model=scriptmodel(CONFIG_MAP))
    world.source = {"/empty.txt": b""}
    world.reconcile()
    assert world.ready == ("False", "CorpusEmpty")
    world.source = Problem(Reason.CONFIG_MAP_NOT_FOUND, "create it")
    world.reconcile()
    assert world.ready == ("False", "ConfigMapNotFound")
    assert world.written() == []


def test_config_maps_have_text_and_bytes() -> None:
    raw = {"data": {"a.txt": "Ü"}, "binaryData": {"b.txt": "aGVs\nbG8=\n"}}
    assert from_config_map(raw) == {"/a.txt": "Ü".encode(), "/b.txt": b"hello"}
    assert from_config_map({}) == {}
    with pytest.raises(SourceError, match=r"binaryData\.b"):
        from_config_map({"binaryData": {"b": "!"}})
