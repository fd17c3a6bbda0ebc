"""A text is scored in rows side by side, with the figures of reading one token after the other, and per character."""

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import read_stream
from stepwise import negative_log_likelihoods, stepwise_negative_log_likelihoods

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.evaluation.nats_per_character import validation_of
from scriptmodel_trainer.evaluation.perplexity import score_of
from scriptmodel_trainer.generation.detokenizing import detokenize
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.presets import PRESETS, with_overrides
from scriptmodel_trainer.model.readers import Reader
from scriptmodel_trainer.model.vocabulary import Vocabulary

WORDS = 40
SMALL = {"hidden_units": "8"}
TIED = {**SMALL, "embedding_units": "6", "tied_embeddings": "true"}
CACHED = {**TIED, "cache_window": "30"}
ADAPTIVE = {**SMALL, "softmax_cutoff": "20"}


def network_of(settings: dict[str, str], spread: float = 0.6, **more: Any) -> Network:
    random = np.random.default_rng(4)
    preset = with_overrides(PRESETS["small"], settings)
    shapes = preset.shapes(WORDS).items()
    weights = {name: random.uniform(-spread, spread, shape).astype(np.float32) for name, shape in shapes}
    return Network(weights | more, document=7, cutoff=preset.softmax_cutoff)


def stream_of(length: int) -> np.ndarray[Any, np.dtype[np.int32]]:
    return np.random.default_rng(length).integers(0, WORDS, length).astype(np.int32)


@pytest.mark.parametrize("length", [1, 65, 200, 999])
@pytest.mark.parametrize("settings", [SMALL, TIED, CACHED, ADAPTIVE], ids=["plain", "tied", "cached", "adaptive"])
def test_a_stream_of_any_length_scores_as_one_token_after_the_other(settings: dict[str, str], length: int) -> None:
    network, stream = network_of(settings), stream_of(length)
    expected = stepwise_negative_log_likelihoods(Reader(network), stream, 3)
    counts: list[int] = []
    found = negative_log_likelihoods(network, stream, 3, report=counts.append)
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)
    assert counts[-1] == length
    assert counts == sorted(counts)


def test_the_score_after_training_is_that_of_reading_the_test_split_alone(model: Path, corpus: Path) -> None:
    trained = load_model(model)
    read = read_stream(corpus)
    stream = trained.vocabulary.translated(read.splits["test"], read.lexicon)
    losses = stepwise_negative_log_likelihoods(Reader(trained.network()), stream, trained.vocabulary.first)
    expected = score_of(trained.vocabulary, stream, losses)
    found = trained.metrics.test
    assert found is not None
    assert found.perplexity == pytest.approx(expected.perplexity, rel=1e-5)
    assert found.tokens == expected.tokens


def test_a_model_holds_what_others_are_compared_with_it_by(model: Path, corpus: Path) -> None:
    trained = load_model(model)
    read = read_stream(corpus)
    tokens = [read.lexicon[number] for number in read.splits["valid"].tolist()]
    losses = negative_log_likelihoods(
        Network(trained.weights), trained.vocabulary.encode(tokens), trained.vocabulary.id_of("<eos>")
    )
    found = trained.metrics.validation
    assert found is not None
    assert found.digest == hashlib.sha256("".join(f"{token}\0" for token in tokens).encode()).hexdigest()
    expected = losses.sum() / len(detokenize(tokens))
    assert found.nats_per_character == pytest.approx(expected, rel=0.01)


def test_the_digest_of_a_validation_text_does_not_depend_on_vocabulary_or_figure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("scriptmodel_trainer.evaluation.nats_per_character.CHUNK", 1000)  # the text is more
    known, tokens = Vocabulary(("<eos>", "the", "lamp")), ["the", "lamp", "burns"] * 500
    first = validation_of(20.0, len(tokens), tokens, known)
    other = validation_of(30.0, len(tokens), tokens, Vocabulary(("<eos>", "burns")))
    assert first.digest == other.digest != validation_of(20.0, len(tokens), tokens[:-1], known).digest
    assert (first.nats_per_character or 9) < (other.nats_per_character or 0)
    assert validation_of(math.inf, len(tokens), tokens, known).nats_per_character is None
