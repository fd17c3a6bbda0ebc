"""What `scriptmodel plan` shows of a search."""

from scriptmodel_cli.changes import Preview, render
from scriptmodel_cli.preview import trial_changes
from scriptmodel_operator.search.trials import Plan, RunInput, plan
from tests.unit.operator.search.test_plan import UNITS, search
from tests.unit.operator.search.worlds import RANDOM, search_world
from tests.unit.operator.search.worlds import search as search_to_its_end
from tests.unit.operator.terminal import plain
from tests.unit.operator.test_preview import planned


def shown(found: Plan, present: Plan | None, *, again: bool = False) -> list[str]:
    runs = present.runs if present else {}
    return plain(render(Preview("ml/thrones", tuple(trial_changes(found, runs, again=again))))).splitlines()[1:]


def test_a_plan_lists_the_trials_that_are_added_and_dropped() -> None:
    two, three = (plan(search(UNITS, algorithm="grid", numTrials=count), 0, {}) for count in (2, 3))
    assert shown(two, None) == ["", "+ train 2 new trials"]
    assert shown(three, two) == ["", "+ train 1 new trial"]
    assert shown(two, three) == ["", "- drop 1 trial"]
    assert shown(two, two) == ["Nothing would change."]
    assert shown(plan(search(numTrials=30, repeats=2), 0, {}), None)[1:] == ["+ train 30 new trials (60 runs)"]


def test_a_plan_lists_the_trials_that_are_repeated() -> None:
    first = plan(search(UNITS, algorithm="grid", numTrials=1), 0, {})
    other = Plan({"0001": RunInput(parameters={"hiddenUnits": "9"}, seed=0)})
    assert shown(other, first)[1:] == ["~ repeat 1 trial"]
    assert shown(first, first, again=True)[1:] == ["~ repeat 1 trial"]


def test_the_trials_of_an_object_are_planned() -> None:
    world = search_world(RANDOM)
    found = [change.what for change in planned(world).changes]
    assert found[-1] == "train 3 new trials"
    search_to_its_end(world, {"0002": "diverged"})
    world.written()
    assert planned(world).changes == ()
    world.want({"search": {**RANDOM["search"], "numTrials": 4}})
    assert [change.what for change in planned(world).changes] == ["train 1 new trial"]
    world.want({**RANDOM, "training": {"image": "other:1"}})
    assert [(change.what.split()[:2], change.effect) for change in planned(world).changes] == [
        (["update", "step"], "trains again from the first epoch"),
        (["update", "step"], "selects the best model"),
        (["update", "step"], "writes a new script"),
        (["repeat", "3"], ""),
    ]
