"""A model with an adaptive softmax, from its training to its figures."""

from pathlib import Path

import numpy as np
import pytest
from running import run_trainer, train
from samples import play
from stepwise import negative_log_likelihoods

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.corpus.reading import find_sources
from scriptmodel_trainer.corpus.stream import read_corpus

SETTINGS = ["--set", "hidden_units=16", "embedding_units=12", "batch_size=8", "steps=5", "softmax_cutoff=30"]


def test_a_model_predicts_as_it_did_in_training(tmp_path: Path) -> None:
    plays, out = tmp_path / "plays", tmp_path / "model"
    plays.mkdir()
    (plays / "play.md").write_text(play(400))
    assert train(plays, out, "--preset", "demo", *SETTINGS) == 0
    model = load_model(out)
    assert len(model.vocabulary) > 40
    read = read_corpus(find_sources([plays], lambda _: None), None, lambda _: None)
    figures = {"valid": model.metrics.epochs[-1].valid_perplexity, "test": model.metrics.test.perplexity}
    for split, perplexity in figures.items():
        stream = model.vocabulary.translated(read.splits[split], read.lexicon)
        exact = negative_log_likelihoods(model.network(), stream, model.vocabulary.first)
        assert np.exp(exact.mean()) == pytest.approx(perplexity, rel=0.01)
    assert run_trainer(["generate", out, "--words", "40"]).returncode == 0
    network, ids = model.network(), np.arange(len(model.vocabulary), dtype=np.int32)
    features = network.read(network.initial_state(), ids)
    logits = network.logits(features).astype(np.float64)
    expected = logits[ids, ids] - np.log(np.exp(logits).sum(axis=1))
    assert network.log_probabilities(features, ids) == pytest.approx(expected, abs=1e-4)
