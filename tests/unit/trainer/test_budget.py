"""The limit of a training."""

import math

import pytest

from scriptmodel_trainer.training.state import RunState


@pytest.mark.parametrize(("budget", "expected"), [(80.0, 26.0), (1000.0, 920.0), (20.0, 0.0), (math.inf, math.inf)])
def test_a_part_of_a_budget_is_kept_for_what_follows_the_training(budget: float, expected: float) -> None:
    assert RunState(seconds=50.0).seconds_left(budget) == expected
