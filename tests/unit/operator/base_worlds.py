"""Worlds with a base model."""

from typing import Any

from scriptmodel_operator.engine.values import BranchRef, RepoRef
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.unit.operator.world import PLAYS, World, scriptmodel

MODEL = {"/model.json": b"{}", "/metrics.json": b"{}", "/weights-0123456789abcdef.safetensors": b"w"}
MODELS = BranchRef(RepoRef("default", "models"), "master")
FROM_REPO: dict[str, Any] = {"model": {"preset": "test", "from": {"repo": {"name": "models"}}}}


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
    """All jobs end well; those of a train job that was killed read nothing."""
    for ref in (world.train, world.generate):
        while any(job.ref.pipeline == ref and not job.state.final for job in world.pachyderm.jobs.values()):
            world.pachyderm.succeed(ref)
    world.reconcile()
