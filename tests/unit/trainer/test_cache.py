"""The trained neural cache: training, evaluation and generation follow one formula."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from random_models import SCRIPT, even_cache, faults, network, weights_of
from running import train
from stepwise import negative_log_likelihoods

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.corpus.tokens import (
    CLOSE_EXPOSITION,
    EOS,
    OPEN_BRACKET,
    OPEN_EXPOSITION,
    OPEN_NAME,
    OPEN_QUOTE,
)
from scriptmodel_trainer.evaluation.perplexity import cut_for_validation
from scriptmodel_trainer.generation.detokenizing import detokenize
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import Writer
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.network_tensorflow import LanguageModel
from scriptmodel_trainer.model.presets import PRESETS, Preset, with_overrides
from scriptmodel_trainer.model.readers import Reader
from scriptmodel_trainer.model.subwords import continues
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.training.batches import cut_for_training
from scriptmodel_trainer.training.graph import TrainingGraph, Validation
from scriptmodel_trainer.training.optimizers import Optimizer

START = 49  # the token that starts a document
WINDOW = 20
SMALL = ["--preset", "demo", "--epochs", "2", "--set", "hidden_units=16", "steps=5", "cache_window=60"]


def preset(**more: str) -> Preset:
    settings = {"hidden_units": "12", "steps": "7", "batch_size": "3", "cache_window": str(WINDOW)}
    return with_overrides(PRESETS["small"], settings | more)


def model_of(document: int | None = None, **more: str) -> LanguageModel:
    """A network whose cache matters: random weights that are large, and no token like another."""
    model = LanguageModel(preset(initial_range="0.7", **more), 50, seed=2, document=document)
    random = np.random.default_rng(7)
    for name in (name for name in model.variables if name.startswith("cache/")):
        value = random.normal(size=model.variables[name].shape).astype(np.float32)
        model.variables[name].assign(value * (4 if name == "cache/sharpness" else 1))
    return model


def stream(length: int, vocabulary: int = 50) -> np.ndarray[Any, np.dtype[np.int32]]:
    return np.random.default_rng(3).integers(0, vocabulary, length).astype(np.int32)


def reference(model: LanguageModel, tokens: np.ndarray[Any, Any], first: int) -> np.ndarray[Any, Any]:
    """The module's formula, one token after the other."""
    weights = model.weights()
    network, window = Network(weights, START), len(weights["cache/age"])
    state, held, losses, token = network.initial_state(), [], [], first
    for target in tokens.tolist():
        features = network.step(state, token).astype(np.float64)
        if token == START:
            held = []
        logits = network.logits(features.astype(np.float32)).astype(np.float64)
        likely = np.exp(logits) / np.exp(logits).sum()
        direction = features / np.linalg.norm(features)
        sentinel = np.exp(features @ weights["cache/gate"] + weights["cache/bias"])
        again, total = 0.0, sentinel
        for age, (key, word) in enumerate(reversed(held[-window:])):
            score = np.exp(weights["cache/sharpness"] * (key @ direction - 1) + weights["cache/age"][age])
            total += score
            again += score if word == target else 0.0
        losses.append(-np.log((again + sentinel * likely[target]) / total))
        held.append((direction, target))
        token = target
    return np.array(losses)


@pytest.mark.parametrize(("window", "vocabulary"), [(1, 50), (7, 49), (20, 50), (300, 49)])
def test_training_and_evaluation_follow_the_formula(window: int, vocabulary: int) -> None:
    model, tokens = model_of(START, cache_window=str(window)), stream(900, vocabulary)
    expected = reference(model, tokens, 3)
    written = negative_log_likelihoods(Network(model.weights(), START), tokens, 3)
    np.testing.assert_allclose(written, expected, rtol=1e-3, atol=1e-3)
    one = cut_for_validation(tokens, 3)
    assert len(one.inputs) == 1, "one row, so the state is exact"
    assert Validation(model, one).run() == pytest.approx(expected.mean(), rel=1e-4)
    rows = cut_for_training(tokens, 1, 7, 3)
    graph = TrainingGraph(model, Optimizer(model.preset, model.variables), rows, 1)
    trained = graph.run(0, 0, [0.0] * rows.windows) / rows.windows
    assert trained == pytest.approx(expected[: rows.windows * 7].mean(), rel=1e-4)


def test_rows_of_validation_read_as_many_tokens_before_their_own_as_the_cache_holds() -> None:
    model, tokens = model_of(cache_window="200"), stream(2000)
    rows = cut_for_validation(tokens, 3, 200)
    assert len(rows.inputs) == 3
    expected = negative_log_likelihoods(Network(model.weights()), tokens, 3).mean()
    assert Validation(model, rows).run() == pytest.approx(expected, rel=1e-4)
    assert Validation(model, cut_for_validation(tokens, 3)).run() != pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("temperature", "share"), [(1.0, 0.3), (0.5, 1.0), (0.5, 0.3), (1.0, 0.0)])
def test_copies_have_their_share_at_any_temperature(temperature: float, share: float) -> None:
    net, tokens = network(SCRIPT, 1, 0.5), stream(200, len(SCRIPT))
    net.cache = even_cache(20, 3.0, share)
    reader, state, keys = Reader(net, temperature), net.initial_state(), []
    for time, token in enumerate(tokens.tolist()):
        mixed = reader.read(token).astype(np.float64) / temperature
        features = net.step(state, token).astype(np.float64)
        keys.append(features / np.linalg.norm(features))
        logits = net.logits(features.astype(np.float32)).astype(np.float64) / temperature
        expected, first = np.exp(logits) / np.exp(logits).sum(), max(0, time - 20)
        odds = np.exp([5 * (keys[past] @ keys[time] - 1) - 3 for past in range(first, time)])
        copied = share * odds / (1 + odds.sum())
        expected *= 1 - copied.sum()
        np.add.at(expected, tokens[first + 1 : time + 1], copied)
        assert np.exp(mixed) == pytest.approx(expected, abs=1e-5)


def test_what_is_measured_is_what_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probabilities that a script was drawn from are those that evaluation gives to the same tokens."""
    net, drawn = network(SCRIPT, 2, 0.5), []
    net.cache = even_cache(20, 3.0)

    class Recording(Reader):
        def read(self, token: int) -> np.ndarray[Any, Any]:
            drawn.append(super().read(token))
            return drawn[-1]

    monkeypatch.setattr("scriptmodel_trainer.generation.writer.Reader", Recording)
    script = Writer(net, SCRIPT).write(60, Sampling(1.0), (1, 0), Opening()).tokens
    ids = SCRIPT.encode(script)
    measured = negative_log_likelihoods(net, ids, SCRIPT.id_of("<eos>"))
    for logits, target, loss in zip(drawn, ids.tolist(), measured.tolist(), strict=False):
        wide = logits.astype(np.float64)
        assert np.log(np.exp(wide).sum()) - wide[target] == pytest.approx(loss, abs=1e-4)
    assert len(drawn) > 20


def test_what_is_certain_to_be_copied_leaves_every_word_possible() -> None:
    net, tokens = network(SCRIPT, 1, 0.5), stream(60, len(SCRIPT))
    net.cache = even_cache(20, -1e30)
    reader = Reader(net)
    logits = np.array([reader.read(token) for token in tokens.tolist()])
    assert np.isfinite(logits).all()
    assert np.isfinite(negative_log_likelihoods(net, tokens, 0)).all()


@pytest.fixture(scope="module")
def cached(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cached")
    assert train(corpus, folder, *SMALL) == 0
    return folder


def cached_network(vocabulary: Vocabulary, seed: int) -> Network:
    """A network that likes short speeches and directions without brackets, and a cache that has about half a say."""
    cache = {"cache/gate": np.zeros(8), "cache/bias": np.array(3), "cache/sharpness": np.array(1)}
    weights = {**weights_of(vocabulary, seed, 0.1), **cache, "cache/age": np.zeros(99)}
    weights["output/bias"][[*vocabulary.parts, *map(vocabulary.id_of, filter(continues, vocabulary.words))]] -= 9
    for token in (EOS, OPEN_NAME, OPEN_EXPOSITION, CLOSE_EXPOSITION):
        weights["output/bias"][vocabulary.id_of(token)] += 3
    for token in (OPEN_BRACKET, OPEN_QUOTE):
        weights["output/bias"][vocabulary.id_of(token)] -= 9
    return Network({name: array.astype(np.float32) for name, array in weights.items()})


def test_a_speaker_follows_himself_only_after_a_direction() -> None:
    again = 0
    for seed in range(20):
        text = detokenize(
            Writer(cached_network(SCRIPT, seed), SCRIPT).write(120, Sampling(1.0), (1,), Opening()).tokens
        )
        assert not faults(text, 120)
        starts = [line.split(":")[0] if line.startswith("[") else "direction" for line in text.splitlines()]
        assert not [now for then, now in itertools.pairwise(starts) if now == then != "direction"]
        speakers = [start for start in starts if start != "direction"]
        again += sum(now == then for then, now in itertools.pairwise(speakers))
    assert again, "after a direction he may"


def test_a_training_from_a_model_keeps_its_cache(cached: Path, corpus: Path, tmp_path: Path) -> None:
    assert train(corpus, tmp_path / "next", "--from", str(cached), "--epochs", "1") == 0
    assert load_model(tmp_path / "next").origin.preset.cache_window == 60
    other = ["--from", str(cached), "--set", "cache_window=80"]
    assert train(corpus, tmp_path / "other", *other) == 2
