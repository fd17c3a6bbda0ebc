"""Tests of scripts that are written together: none depends on the others, few differ from those written alone."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from random_models import SCRIPT, faults, network

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.cli import main
from scriptmodel_trainer.generation.detokenizing import detokenize
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.streams import ROWS
from scriptmodel_trainer.generation.writer import Writer
from scriptmodel_trainer.model.network_numpy import Network

SEEDS = [(5, sample) for sample in range(ROWS + 3)]


def test_a_sample_is_the_same_however_many_are_written_with_it(model: Path) -> None:
    trained = load_model(model)
    writer = Writer(Network(trained.weights), trained.vocabulary)
    for writers, vocabulary in ((writer, trained.vocabulary), (Writer(network(SCRIPT, 1), SCRIPT), SCRIPT)):
        every = writers.write_together(60, Sampling(), SEEDS, Opening())
        assert len({tuple(script.tokens) for script in every}) > ROWS // 2, vocabulary.words[:3]
        for count in (1, 2, 5, ROWS, ROWS + 1):
            assert writers.write_together(60, Sampling(), SEEDS[:count], Opening()) == every[:count]


def test_scripts_written_together_are_those_written_alone_but_for_rounding(model: Path) -> None:
    trained = load_model(model)
    writer = Writer(Network(trained.weights), trained.vocabulary)
    together = writer.write_together(60, Sampling(), SEEDS, Opening("ANNA", "The lamp"))
    alone = [writer.write(60, Sampling(), seed, Opening("ANNA", "The lamp")) for seed in SEEDS]
    same = sum(ours == theirs for ours, theirs in zip(together, alone, strict=True))
    assert same >= len(SEEDS) - 2
    for words in (4, 9, 30):
        scripts = Writer(network(SCRIPT, 2), SCRIPT).write_together(words, Sampling(), SEEDS, Opening())
        assert not [fault for script in scripts for fault in faults(detokenize(script.tokens), words)]


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
