"""Tests of how scripts are computed: rows are what is predicted alone, fixed weights and seeds write the same."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from random_models import SCRIPT, network

from scriptmodel_trainer.cli import main
from scriptmodel_trainer.generation.detokenizing import detokenize
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import Writer

ROWS = 16


def test_rows_of_the_network_are_what_it_predicts_alone() -> None:
    net = network(SCRIPT, 3, 0.5)
    tokens = np.random.default_rng(1).integers(0, len(SCRIPT), (30, ROWS)).astype(np.int32)
    state = net.initial_state(ROWS)
    rows = [net.logits_of_rows(net.step(state, step)) for step in tokens]
    for row in range(ROWS):
        own = net.initial_state()
        for step, logits in zip(tokens, rows, strict=True):
            assert logits[row] == pytest.approx(net.logits(net.step(own, int(step[row]))), abs=1e-4)


def test_the_scripts_of_fixed_weights_and_seeds_do_not_change() -> None:
    """Frozen: the scripts of fixed weights, as they are now."""
    written = "".join(
        detokenize(
            Writer(network(SCRIPT, seed, 1.0), SCRIPT)
            .write(60, Sampling(), (seed, 0), Opening("BEN", "the lamp"))
            .tokens
        )
        for seed in range(20)
    )
    assert (
        hashlib.sha256(written.encode()).hexdigest()
        == "bbf0a2e6b1aacaff1069d82e372bd88468935b27991eaa6a8e9eae2f90058622"
    )


@pytest.mark.parametrize("command", [["evaluate", "model", "--data", "missing"], ["generate", "model"]])
def test_products_of_one_script_use_one_thread(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    assert main(command) != 0
    assert os.environ.get("OPENBLAS_NUM_THREADS") == "1"
