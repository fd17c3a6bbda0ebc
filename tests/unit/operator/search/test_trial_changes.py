"""What `scriptmodel plan` shows of a search."""

from tests.unit.operator.search.worlds import RANDOM, search_world
from tests.unit.operator.search.worlds import search as search_to_its_end
from tests.unit.operator.test_preview import planned


def test_the_trials_of_an_object_are_planned() -> None:
    world = search_world(RANDOM)
    found = [change.what for change in planned(world).changes]
    assert found[-1] == "train 3 new trials"
    search_to_its_end(world, {"0002": "diverged"})
    world.written()
    assert planned(world).changes == ()
    world.want({"search": {**RANDOM["search"], "numTrials": 4}})
    assert [change.what for change in planned(world).changes] == ["train 1 new trial"]
    world.want({"search": {**RANDOM["search"], "numTrials": 2}})
    assert [change.what for change in planned(world).changes] == ["drop 1 trial"]
    world.want({**RANDOM, "training": {"image": "other:1"}})
    assert [(change.what.split()[:2], change.effect) for change in planned(world).changes] == [
        (["update", "step"], "trains again from the first epoch"),
        (["update", "step"], "selects the best model"),
        (["update", "step"], "writes a new script"),
    ]
