"""Every call to Pachyderm fails, before or after it took effect: the end is the same as without the fault."""

from typing import Any

import pytest

from tests.unit.operator.fake_pachyderm import Faulty
from tests.unit.operator.world import PLAYS, World, persist, scriptmodel

CALLS = {
    "list_projects": 6,
    "list_repos": 6,
    "list_pipelines": 6,
    "list_jobs": 6,
    "branch_head": 1,
    "inspect_commit": 6,
    "file_size": 3,
    "read_file": 6,
    "apply_pipelines": 2,
    "start_pipeline": 2,
    "stop_pipeline": 2,
    "delete_pipeline": 2,
}
"""How many calls of each name are broken, one in each life: those that it has, at most six."""
CORPUS_CALLS = {"create_repo": 1, "replace_files": 1, "walk_files": 1, "read_file": 3, "branch_head": 3}


def life(world: World) -> dict[str, Any]:
    """Create, train, change the preset, suspend and resume an object; return the state at the end."""
    pachyderm = world.pachyderm
    pachyderm.put(world.corpus, PLAYS)
    persist(world, world.reconcile)
    _finish(world)
    world.want({"model": {"preset": "small"}})
    persist(world, world.reconcile)
    _finish(world)
    world.want({"model": {"preset": "small"}, "suspend": True})
    persist(world, world.reconcile)
    world.want({"model": {"preset": "small"}})
    persist(world, world.reconcile)
    _finish(world)
    versions = {ref.name: len(found) for ref, found in pachyderm.pipelines.items()}
    commands = {ref.name: found[-1].spec.command for ref, found in pachyderm.pipelines.items()}
    return {"ready": world.ready, "versions": versions, "commands": commands}


def _finish(world: World) -> None:
    world.end_jobs()
    persist(world, world.reconcile)


def new_world() -> World:
    return World(pachyderm=Faulty(), model=scriptmodel())


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Any]:
    return life(new_world())


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", CALLS)
def test_one_failed_call_anywhere_changes_nothing_of_the_end(
    undisturbed: dict[str, Any], call: str, *, after: bool
) -> None:
    for number in range(1, CALLS[call] + 1):
        world = new_world()
        assert isinstance(world.pachyderm, Faulty)
        world.pachyderm.arm(call, number, after=after)
        assert life(world) == undisturbed
        persist(world, world.delete)
        assert world.pachyderm.fired
        assert world.pachyderm.pipelines == {}
        assert set(world.pachyderm.repos) == {world.corpus.repo}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", CORPUS_CALLS)
def test_an_own_corpus_is_committed_once_whatever_fails(call: str, *, after: bool) -> None:
    for number in range(1, CORPUS_CALLS[call] + 1):
        world = World(pachyderm=Faulty(), model=scriptmodel({"corpus": {"configMap": {"name": "plays"}}}))
        world.source = PLAYS
        assert isinstance(world.pachyderm, Faulty)
        world.pachyderm.arm(call, number, after=after)
        persist(world, world.reconcile)
        _finish(world)
        assert world.ready == ("True", "Generated")
        commits = [commit for repo, commit in world.pachyderm.commits if repo == world.corpus.repo]
        assert len(commits) == 1, "no second commit of equal data"
        persist(world, world.delete)
        assert world.pachyderm.repos == {}
        assert world.pachyderm.fired
