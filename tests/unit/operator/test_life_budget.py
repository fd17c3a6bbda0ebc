"""A training that its budget, or early stopping, ended; and what a changed budget does."""

from __future__ import annotations

from typing import Any

import pytest

from scriptmodel_operator.desired.pod_patch import variables_of
from tests.unit.operator.world import PLAYS, World, scriptmodel


def budget(**limits: Any) -> dict[str, Any]:
    return {"training": {"budget": limits}}


def ended_world(spec: dict[str, Any], **metrics: str) -> World:
    """A world with a script of a model whose metrics.json says how its training ended."""
    world = World(model=scriptmodel(spec))
    world.pachyderm.metrics |= metrics
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    world.pachyderm.succeed(world.train)
    world.pachyderm.succeed(world.generate)
    world.reconcile()
    world.written()
    return world


def reprocessed(world: World) -> bool:
    """Whether the newest version of train computes again."""
    return world.pachyderm.reprocessed[world.train]


def test_an_object_whose_budget_ended_training_is_ready_and_says_so() -> None:
    world = ended_world(budget(duration="2h"), stopped_by="budget", budget="seconds")
    assert world.ready == ("True", "Generated")
    for kind in ("Ready", "Trained", "Generated"):
        assert "; training was ended by spec.training.budget.duration (" in world.condition(kind)["message"]
    assert world.model.status["training"]["stoppedBy"] == "Budget"


def test_early_stopping_is_reported_with_the_model() -> None:
    world = ended_world({"training": {"earlyStopping": {"patience": 2}}}, stopped_by="early-stopping")
    assert world.ready == ("True", "Generated")
    assert "; training was ended by early stopping (model" in world.condition("Trained")["message"]
    assert world.model.status["training"]["stoppedBy"] == "EarlyStopping"


@pytest.mark.parametrize("more", [{"epochs": 9}, {}, {"epochs": 9, "duration": "1h"}])
def test_raising_or_removing_the_budget_that_ended_training_continues_it(more: dict[str, Any]) -> None:
    world = ended_world(budget(epochs=5), stopped_by="budget", budget="epochs")
    world.want(budget(**more))
    world.reconcile()
    assert (world.written(), reprocessed(world)) == ([f"update {world.train.name}"], True)
    assert world.ready == ("False", "WaitingForWorker")
    assert variables_of(world.pachyderm.pipelines[world.train][-1].spec.pod_patch).get(
        "SCRIPTMODEL_BUDGET_EPOCHS", ""
    ) == str(more.get("epochs", ""))


@pytest.mark.parametrize(
    ("ended", "before", "after"),
    [
        (("budget", "epochs"), {"epochs": 5}, {"epochs": 3}),
        (("budget", "epochs"), {"epochs": 5}, {"epochs": 5, "duration": "1h"}),
        (("budget", "seconds"), {"epochs": 5, "duration": "1h"}, {"epochs": 9, "duration": "1h"}),
        (("budget", "seconds"), {"duration": "1h"}, {"duration": "60m"}),
        (("epochs", ""), {"epochs": 5}, {"epochs": 9}),
        (("", ""), {"epochs": 5}, {}),
        (("budget", "weeks"), {"epochs": 5}, {}),
    ],
)
def test_any_other_change_of_a_budget_computes_nothing_again(
    ended: tuple[str, str], before: dict[str, Any], after: dict[str, Any]
) -> None:
    world = ended_world(budget(**before), stopped_by=ended[0], budget=ended[1])
    world.want(budget(**after))
    world.reconcile()
    assert (world.written(), reprocessed(world)) == ([f"update {world.train.name}"], False)
    world.pachyderm.succeed(world.train, skipped=True)
    world.pachyderm.succeed(world.generate, skipped=True)
    world.reconcile()
    assert world.ready == ("True", "Generated")


def test_a_budget_that_is_raised_during_a_training_waits_for_its_end_and_then_continues_it_if_it_ended_it() -> None:
    world = ended_world(budget(epochs=5), stopped_by="budget", budget="epochs")
    world.pachyderm.put(world.corpus, PLAYS)
    world.pachyderm.run(world.train)
    world.want(budget(epochs=9))
    world.reconcile()
    assert world.written() == []
    assert world.condition("Reconciling")["reason"] == "UpdateDeferred"
    world.pachyderm.succeed(world.train)
    world.reconcile()
    assert (world.written(), reprocessed(world)) == ([f"update {world.train.name}"], True)
    world.observer.logs.close()


def test_a_budget_whose_name_is_not_text_is_no_budget() -> None:
    world = World(model=scriptmodel(budget(epochs=5)))
    world.pachyderm.metrics |= {"stopped_by": 3, "budget": ["epochs"]}
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    world.pachyderm.succeed(world.train)
    world.reconcile()
    assert "ended by" not in world.condition("Trained")["message"]
    assert world.model.status["training"]["perplexity"]["test"] == "160.0"
