"""Worlds whose models are compared before they are promoted."""

from typing import Any

from tests.unit.operator.world import PLAYS, World, scriptmodel

GATE: dict[str, Any] = {"promotion": {"minImprovement": "0"}}


def measured(world: World, figure: object, text: object = "text-1") -> None:
    """The next model has this figure on the validation text of that digest."""
    world.pachyderm.metrics |= {"validation": {"digest": text, "nats_per_character": figure}}


def retrained(world: World) -> None:
    """A new corpus commit is trained on, and its script written."""
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    world.pachyderm.succeed(world.train)
    world.pachyderm.succeed(world.generate)
    world.reconcile()


def gated_world(spec: dict[str, Any], figure: float = 1.5) -> World:
    """A world with one model, which was promoted without a comparison."""
    world = World(model=scriptmodel(spec))
    measured(world, figure)
    retrained(world)
    assert world.ready == ("True", "Generated")
    assert "promotion" not in world.model.status
    return world


def commits(world: World) -> tuple[str, str]:
    """The model and the script of the status."""
    lineage = world.model.status["lineage"]
    return lineage["model"].partition("@")[2], lineage["script"].partition("@")[2]
