"""A sample of `make chaos-trainer`: a training that loses its worker ends with the weights of an undisturbed one."""

import random
from pathlib import Path

import pytest

from dev.paths import TRAINER_ENV
from tests.chaos.lost_workers import INTERRUPTIONS, NETWORK, interruptions, run
from tests.seed import run_seed

pytestmark = pytest.mark.slow
SHALLOW = {"layers": 1, "steps": 5, "epochs": 4}
"""Each start of the trainer compiles each step of each layer."""


@pytest.mark.timeout(900)
def test_the_weights_are_those_of_an_undisturbed_training(tmp_path: Path) -> None:
    run(tmp_path, TRAINER_ENV, kills=4, seed=run_seed(), overrides={**NETWORK, **SHALLOW}, say=print)


def test_the_plan_of_a_seed_is_always_the_same_and_has_every_kind() -> None:
    plan = interruptions(20, random.Random(7))
    assert plan == interruptions(20, random.Random(7))
    assert {each.kind for each in plan} == set(INTERRUPTIONS)
    assert [each.share for each in plan] == sorted(each.share for each in plan)
    assert len(plan) == 20
