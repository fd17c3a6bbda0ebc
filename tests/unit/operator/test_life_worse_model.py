"""With training.onlyIfBetter, a retrained model that is worse than the last one does not replace its script."""

from typing import Any

import pytest

from scriptmodel_operator.engine.values import BranchRef
from tests.unit.operator.world import PLAYS, World, scriptmodel

GATE: dict[str, Any] = {"training": {"onlyIfBetter": True}}


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


def gated_world(spec: dict[str, Any]) -> World:
    world = World(model=scriptmodel(spec))
    measured(world, 1.5)
    retrained(world)
    assert world.ready == ("True", "Generated")
    return world


def commits(world: World) -> tuple[str, str]:
    """The model and the script of the status."""
    lineage = world.model.status["lineage"]
    return lineage["model"].partition("@")[2], lineage["script"].partition("@")[2]


def newest(world: World) -> str:
    return world.pachyderm.heads[BranchRef(world.train.output, "master")]


def test_a_worse_model_is_held_back_and_the_object_is_ready_with_the_last_script() -> None:
    world = gated_world(GATE)
    before, script = commits(world), world.model.status["script"]
    measured(world, 1.6)
    retrained(world)
    status = world.model.status
    assert world.ready == ("True", "HeldBack")
    assert (commits(world), status["script"]) == (before, script)
    repo, _, held_back = status["lineage"]["heldBack"].partition("@")
    assert (repo, held_back in before) == (str(world.generate.output), False)
    message = world.condition("Ready")["message"]
    assert (
        f"model {newest(world)[:8]} is held back, since it is worse than the last one: 1.6000 after 1.5000" in message
    )
    assert '"onlyIfBetter":false' in message
    world.reconcile()
    assert world.model.status == status
    world.apply()
    assert (world.ready, commits(world)[0]) == (("True", "Generated"), newest(world)), "without the gate"


@pytest.mark.parametrize(
    ("figure", "text", "used"),
    [
        (1.5, "text-1", True),
        (1.4, "text-1", True),
        (1.51, "text-1", False),
        (1.9, "text-2", True),
        (1.9, "", True),
        (1.9, 7, True),
        (None, "text-1", True),
        ("high", "text-1", True),
        (-1.0, "text-1", True),
        (float("nan"), "text-1", True),
    ],
)
def test_a_model_is_used_unless_it_is_known_to_be_worse(figure: object, text: object, *, used: bool) -> None:
    world = gated_world(GATE)
    before = commits(world)
    measured(world, figure, text)
    retrained(world)
    assert (commits(world) != before) == used
    assert world.ready == ("True", "Generated" if used else "HeldBack")


def test_the_next_model_is_compared_with_the_one_in_use_not_with_the_one_held_back() -> None:
    world = gated_world(GATE)
    first = commits(world)
    for figure in (1.9, 1.7):
        measured(world, figure)
        retrained(world)
        assert commits(world) == first
    measured(world, 1.4)
    retrained(world)
    assert commits(world)[0] == newest(world)


def test_another_object_starts_from_the_model_in_use() -> None:
    base = World(model=scriptmodel(GATE, name="shakespeare", uid="uid-2"))
    measured(base, 1.5)
    retrained(base)
    measured(base, 1.9)
    retrained(base)
    start = {
        "corpus": {"repo": {"name": "poems"}},
        "model": {"preset": "test", "from": {"scriptModel": "shakespeare"}},
    }
    world = World(model=scriptmodel(start), pachyderm=base.pachyderm)
    retrained(world)
    assert world.model.status["lineage"]["base"].partition("@")[2] == commits(base)[0] != newest(base)
