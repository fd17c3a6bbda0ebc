"""A training that its budget, or early stopping, ended; and what a changed budget does."""

from typing import Any

import pytest

from tests.unit.operator.world import PLAYS, World, scriptmodel


def budget(duration: str = "") -> dict[str, Any]:
    return {"training": {"budget": {"duration": duration} if duration else {}}}


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
    world = ended_world(budget("2h"), stopped_by="budget")
    assert world.ready == ("True", "Generated")
    for kind in ("Ready", "Trained", "Generated"):
        assert "; training was ended by spec.training.budget.duration (" in world.condition(kind)["message"]
    assert world.model.status["training"]["stoppedBy"] == "Budget"


def test_early_stopping_is_reported_with_the_model() -> None:
    world = ended_world({"training": {"earlyStopping": {"patience": 2}}}, stopped_by="early-stopping")
    assert world.ready == ("True", "Generated")
    assert "; training was ended by early stopping (model" in world.condition("Trained")["message"]
    assert world.model.status["training"]["stoppedBy"] == "EarlyStopping"


@pytest.mark.parametrize(("more", "seconds"), [("9s", "9"), ("", "")])
def test_raising_or_removing_the_budget_that_ended_training_continues_it(more: str, seconds: str) -> None:
    world = ended_world(budget("5s"), stopped_by="budget")
    world.apply(budget(more))
    assert (world.written(), reprocessed(world)) == ([f"update {world.train.name}"], True)
    assert world.ready == ("False", "WaitingForWorker")
    variables = dict(world.pachyderm.pipelines[world.train][-1].spec.pods.variables)
    assert variables.get("SCRIPTMODEL_BUDGET_SECONDS", "") == seconds


@pytest.mark.parametrize(
    ("ended", "before", "after"),
    [("budget", "5s", "3s"), ("budget", "1h", "60m"), ("epochs", "5s", "9s"), ("", "5s", "")],
)
def test_any_other_change_of_a_budget_computes_nothing_again(ended: str, before: str, after: str) -> None:
    world = ended_world(budget(before), stopped_by=ended)
    world.apply(budget(after))
    assert (world.written(), reprocessed(world)) == ([f"update {world.train.name}"], False)
    world.finish(skipped=True)
    assert world.ready == ("True", "Generated")


def test_a_budget_that_is_raised_during_a_training_waits_for_its_end_and_then_continues_it_if_it_ended_it() -> None:
    world = ended_world(budget("5s"), stopped_by="budget")
    world.pachyderm.put(world.corpus, PLAYS)
    world.pachyderm.run(world.train)
    world.apply(budget("9s"))
    assert world.written() == []
    assert world.condition("Reconciling")["reason"] == "UpdateDeferred"
    world.pachyderm.succeed(world.train)
    world.reconcile()
    assert (world.written(), reprocessed(world)) == ([f"update {world.train.name}"], True)


def test_an_ending_that_is_not_text_is_no_budget() -> None:
    world = World(model=scriptmodel(budget("5s")))
    world.pachyderm.metrics |= {"stopped_by": 3}
    world.pachyderm.put(world.corpus, PLAYS)
    world.reconcile()
    world.pachyderm.succeed(world.train)
    world.reconcile()
    assert "ended by" not in world.condition("Trained")["message"]
    assert world.model.status["training"]["perplexity"]["test"] == "160.0"
