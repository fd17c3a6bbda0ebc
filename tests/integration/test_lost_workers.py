"""A training that loses its worker ends with the weights of an undisturbed one; `make chaos-trainer` loses more."""

import os
from pathlib import Path

import pytest

from tests.chaos.lost_workers import NETWORK, run
from tests.seed import run_seed

pytestmark = pytest.mark.slow
SHALLOW = {"layers": 1, "steps": 5, "epochs": int(os.environ.get("EPOCHS", "4"))}
"""Each start of the trainer compiles each step of each layer."""


@pytest.mark.timeout(3600)  # each of its waits has a shorter end
def test_the_weights_are_those_of_an_undisturbed_training(tmp_path: Path) -> None:
    run(tmp_path, int(os.environ.get("KILLS", "4")), run_seed(), {**NETWORK, **SHALLOW})
