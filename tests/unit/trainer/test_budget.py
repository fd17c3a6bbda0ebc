"""The limit of a training."""

import math

import pytest

from scriptmodel_trainer.training.state import Effort, seconds_left


@pytest.mark.parametrize(("budget", "expected"), [(80.0, 26.0), (1000.0, 920.0), (20.0, 0.0), (math.inf, math.inf)])
def test_a_part_of_a_budget_is_kept_for_what_follows_the_training(budget: float, expected: float) -> None:
    assert seconds_left(budget, Effort(seconds=50.0)) == expected
