"""The test score on the training device is that of reading one token after the other."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from scriptmodel_trainer.artifacts import load_model
from scriptmodel_trainer.corpus.reading import find_sources
from scriptmodel_trainer.corpus.stream import read_corpus
from scriptmodel_trainer.evaluation import negative_log_likelihoods, score_of
from scriptmodel_trainer.generation.network import Network
from scriptmodel_trainer.presets import PRESETS, Preset
from scriptmodel_trainer.training import scoring

WORDS = 120
TIED = {"embedding_units": 12, "tied_embeddings": True}


def weights_of(preset: Preset, spread: float) -> dict[str, np.ndarray]:
    random = np.random.default_rng(4)
    shapes = preset.shapes(WORDS)
    return {name: random.uniform(-spread, spread, shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize("length", [1, 51, 200, 6401])
def test_a_stream_of_any_length_scores_as_one_token_after_the_other(length: int) -> None:
    preset = dataclasses.replace(PRESETS["small"], hidden_units=16)
    weights = weights_of(preset, 0.6)
    stream = np.random.default_rng(length).integers(0, WORDS, length).astype(np.int32)
    expected = negative_log_likelihoods(Network(weights), stream, 3)
    shares: list[float] = []
    found = scoring.scored(preset, weights, stream, 3, shares.append).losses()
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)
    assert found.mean() == pytest.approx(expected.mean(), rel=1e-5)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize("settings", [TIED, {"layers": 1}], ids=str)
def test_every_network_scores_alike(settings: dict[str, object]) -> None:
    preset = dataclasses.replace(PRESETS["small"], **{"hidden_units": 16, **settings})  # type: ignore[arg-type]  # by name
    weights = weights_of(preset, 0.5)
    stream = np.random.default_rng(1).integers(0, WORDS, 3000).astype(np.int32)
    expected = negative_log_likelihoods(Network(weights), stream, 3)
    found = scoring.scored(preset, weights, stream, 3).losses()
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)


def test_a_network_that_forgets_nothing_is_read_until_each_row_knows_the_one_before() -> None:
    """Its forget gates are open and its input gates ajar: a cell is a sum over the whole stream."""
    preset = dataclasses.replace(PRESETS["small"], hidden_units=8, layers=1)
    weights = weights_of(preset, 0.05)
    bias = np.repeat(np.array([-4, 12, 0, 0], np.float32), 8)  # input, forget, candidate, output
    weights["lstm0/bias"] = bias
    stream = np.random.default_rng(1).integers(0, WORDS, 7000).astype(np.int32)
    alone = negative_log_likelihoods(Network(weights), stream[3500:], 3)
    expected = negative_log_likelihoods(Network(weights), stream, 3)
    assert np.abs(expected[3600:] - alone[100:]).max() > 1e-4, "its beginning must matter"
    found = scoring.scored(preset, weights, stream, 3).losses()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_the_score_after_training_is_that_of_reading_the_test_split_alone(model: Path, corpus: Path) -> None:
    trained = load_model(model)
    read = read_corpus(find_sources([corpus], lambda _: None), None, lambda _: None)
    stream = trained.vocabulary.translated(read.splits["test"], read.lexicon)
    losses = negative_log_likelihoods(Network(trained.weights), stream, trained.vocabulary.first)
    expected = score_of(trained.vocabulary, stream, losses)
    found = trained.metrics.test
    assert found is not None
    assert found.perplexity == pytest.approx(expected.perplexity, rel=1e-5)
    assert (found.tokens, found.oov, set(found.by_class)) == (expected.tokens, expected.oov, set(expected.by_class))
    for name, each in expected.by_class.items():
        assert found.by_class[name].perplexity == pytest.approx(each.perplexity, rel=1e-4)
