"""Objects that would follow their own models, or each other, are refused: they would train without end."""

from typing import Any

import pytest

from tests.unit.operator.base_worlds import base_world, finish, following, world_of
from tests.unit.operator.world import trained_world


@pytest.mark.parametrize("own", [{"scriptModel": "thrones"}, {"repo": {"name": "thrones-train"}}])
def test_an_object_that_is_to_follow_its_own_models_is_refused(own: dict[str, Any]) -> None:
    world = trained_world()
    own = {"repo": {"name": world.train.name}} if "repo" in own else own
    world.want({"model": {"preset": "test", "from": {**own, "follow": True}}})
    for _ in range(2):
        world.reconcile()
        finish(world)
    assert world.written() == []
    assert world.ready == ("False", "BaseInvalid")
    assert "to follow it would train without end" in world.condition("Ready")["message"]
    assert "use spec.training.warmStart" in world.condition("Ready")["message"]
    world.want({"model": {"preset": "test", "from": own}})
    for _ in range(2):
        world.reconcile()
        finish(world)
    assert world.ready == ("True", "Generated")
    assert len(world.pachyderm.pipelines[world.train]) == 2, "it trains from its own model once"


def test_a_new_object_that_is_to_follow_itself_is_refused_before_it_has_a_model() -> None:
    world = world_of(following({"model": {"preset": "test", "from": {"scriptModel": "thrones"}}}))
    world.reconcile()
    assert (world.ready, world.written()) == (("False", "BaseInvalid"), [])


@pytest.mark.parametrize("by_repo", [False, True])
def test_two_objects_that_are_to_follow_each_other_do_not_train_without_end(by_repo: bool) -> None:
    first = base_world()
    source = {"repo": {"name": first.train.name}} if by_repo else {"scriptModel": "shakespeare"}
    second = world_of({"model": {"preset": "test", "from": {**source, "follow": True}}}, first.pachyderm)
    second.reconcile()
    finish(second)
    first.want({"model": {"preset": "test", "from": {"scriptModel": "thrones", "follow": True}}})
    versions = []
    for _ in range(4):
        for world in (first, second):
            world.reconcile()
            finish(world)
        versions.append([len(first.pachyderm.pipelines[world.train]) for world in (first, second)])
    assert first.ready == ("False", "BaseInvalid")
    assert second.ready == ("True", "Generated")
    assert versions[1:] == versions[:-1]
