"""The limits of a training: which one ends it, and when."""

from __future__ import annotations

import math

import pytest

from scriptmodel_trainer.training.state import Budget, Effort

SPENT = Effort(seconds=50.0, gpu_seconds=40.0)


@pytest.mark.parametrize(
    ("budget", "on_gpu", "expected"),
    [
        (Budget(), True, math.inf),
        (Budget(seconds=80.0), False, 26.0),  # 5 % are kept for after the training
        (Budget(epochs=4), False, 25.0),
        (Budget(seconds=80.0, epochs=4), False, 25.0),
        (Budget(gpu_seconds=45.0), True, 5.0),
        (Budget(gpu_seconds=45.0), False, math.inf),
        (Budget(seconds=20.0), False, 0.0),
    ],
)
def test_the_time_left_is_that_of_the_first_limit_to_be_reached(budget: Budget, on_gpu: bool, expected: float) -> None:
    assert budget.seconds_left(SPENT, epochs=1.5, epoch_seconds=10.0, on_gpu=on_gpu) == expected
