"""A headline figure holds unless its seeds are significantly worse (dev/bench/trainer/record.py)."""

from __future__ import annotations

import pytest

from dev.bench.trainer.record import verdict


@pytest.mark.parametrize(
    ("figure", "found", "said"),
    [
        (57.0, [57.1, 56.8, 57.2], "57.03 ± 0.21 (3 seeds), beside 57: it holds"),
        (57.0, [55.0, 55.1, 55.2], "it holds"),
        (57.0, [58.0, 58.1, 58.2], "it does NOT hold"),
        (57.0, [56.0, 58.0, 60.0], "it holds"),  # worse by 1, but not beyond chance
        (57.0, [58.0], "too few or too many seeds for a test"),
    ],
)
def test_a_figure_holds_unless_its_seeds_are_significantly_worse(figure: float, found: list[float], said: str) -> None:
    assert said in verdict(figure, found)
