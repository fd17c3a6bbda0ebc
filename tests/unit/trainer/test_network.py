"""The hand-written pieces against plain Keras, and the two ways to a perplexity against each other."""

import json
from pathlib import Path

import numpy as np
import pytest
from running import run_trainer
from stepwise import negative_log_likelihoods

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.corpus.reading import find_sources
from scriptmodel_trainer.corpus.stream import read_corpus
from scriptmodel_trainer.model.hardware import load_tensorflow
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.presets import PRESETS, with_overrides
from scriptmodel_trainer.training.batches import cut_for_training, cut_for_validation

load_tensorflow(0)

import tensorflow as tf  # noqa: E402  # quietly loaded above

from scriptmodel_trainer.model.network_tensorflow import LanguageModel  # noqa: E402  # as above
from scriptmodel_trainer.training.graph import ValidationGraph  # noqa: E402  # as above

RANDOM = np.random.default_rng(5)
STREAM = RANDOM.integers(0, 50, 1500).astype(np.int32)
KINDS = {
    "published": {"hidden_units": "12"},
    "tied": {"hidden_units": "12", "tied_embeddings": "true"},
    "adaptive": {"hidden_units": "12", "softmax_cutoff": "20"},
    "adaptive and tied": {"hidden_units": "12", "softmax_cutoff": "49", "tied_embeddings": "true"},
    "cached": {"hidden_units": "12", "cache_window": "30"},
    "projected": {"hidden_units": "12", "embedding_units": "7", "tied_embeddings": "true", "layers": "1"},
}


def model_of(kind: str) -> LanguageModel:
    return LanguageModel(with_overrides(PRESETS["small"], {**KINDS[kind], "initial_range": "0.7"}), 50, seed=2)


@pytest.mark.parametrize("kind", KINDS)
def test_the_weights_are_those_of_the_schema(kind: str) -> None:
    model = model_of(kind)
    weights = model.weights()
    assert [(name, array.shape) for name, array in weights.items()] == [*model.preset.shapes(50).items()]
    assert sum(array.size for array in weights.values()) == model.preset.parameter_count(50)


@pytest.mark.parametrize("kind", KINDS)
def test_numpy_and_keras_predict_the_same(kind: str) -> None:
    model = model_of(kind)
    features, _ = model.features(tf.constant(STREAM[None, :60]), model.zero_state(1))
    network = Network(model.weights(), cutoff=model.preset.softmax_cutoff)
    state = network.initial_state()
    stepped = np.stack([network.logits(network.step(state, int(token))) for token in STREAM[:60]])
    at_once = tf.reshape(features, (60, -1)).numpy()
    assert network.logits(at_once) == pytest.approx(stepped, abs=2e-5)
    assert network.logits_of_rows(at_once) == pytest.approx(stepped, abs=2e-5)
    likely = np.exp(stepped - stepped.max(axis=1, keepdims=True))
    likely /= likely.sum(axis=1, keepdims=True)
    for word in range(50):
        losses = model.losses(tf.reshape(features, (60, -1)), tf.fill(60, word), model.vectors)
        assert likely[:, word] == pytest.approx(np.exp(-losses), rel=1e-4)


@pytest.mark.parametrize("length", [1, 2, 49, 50, 51, 511, 512, 513, 1500])
def test_validation_rows_score_every_token_once_close_to_the_exact_loss(length: int) -> None:
    rows = cut_for_validation(STREAM[:length], 0)
    assert rows.counted.sum() == length
    assert not rows.inputs[:, 0].any(), "each row begins as a stream does"
    counted = rows.counted.astype(bool)
    assert sorted(rows.targets[counted].tolist()) == sorted(STREAM[:length].tolist())
    model = model_of("tied")
    exact = negative_log_likelihoods(Network(model.weights()), STREAM[:length], 0).mean()
    graph, calls = ValidationGraph(model, rows), []
    loss = graph.run(lambda: calls.append(1))
    assert loss == pytest.approx(exact, rel=2e-3)
    assert 1 <= len(calls) <= rows.windows
    assert len(calls) > 1 or rows.windows == 1  # signals are answered meanwhile
    assert graph.run() == loss


@pytest.mark.parametrize(
    ("length", "batch", "steps"), [(1, 20, 20), (2, 10, 2), (30, 20, 20), (399, 20, 20), (1500, 20, 20)]
)
def test_training_rows_hold_the_stream_in_order_and_drop_less_than_a_window_a_row(
    length: int, batch: int, steps: int
) -> None:
    rows = cut_for_training(STREAM[:length], batch, steps, first=49)
    assert rows.windows >= 1
    assert rows.tokens.shape[1] == rows.windows * rows.steps + 1
    stream = [49, *STREAM[:length].tolist()]
    own = length // len(rows.tokens)
    for number, row in enumerate(rows.tokens.tolist()):
        assert row == stream[number * own : number * own + len(row)]
    assert length - len(rows.tokens) * rows.windows * rows.steps < len(rows.tokens) * (rows.steps + 1)


def test_the_lstm_layers_meet_the_conditions_of_cudnn() -> None:
    for layer in model_of("published").layers:
        config = layer.get_config()
        assert (config["activation"], config["recurrent_activation"]) == ("tanh", "sigmoid")
        assert (config["use_bias"], config["unroll"]) == (True, False)
        assert (config["dropout"], config["recurrent_dropout"]) == (0.0, 0.0)
        assert layer.dtype_policy.name == "float32"


def test_evaluate_repeats_the_test_perplexity_of_the_training_run(corpus: Path, model: Path, tmp_path: Path) -> None:
    trained = load_model(model)
    named = tmp_path / "named"
    named.mkdir()
    done = run_trainer(["evaluate", model, "--data", corpus, "--json"])
    result = json.loads(done.stdout)
    assert {"perplexity", "tokens", "by_class"} <= result.keys()
    read = read_corpus(find_sources([corpus], lambda _: None), None, lambda _: None)
    whole = {name: len(trained.vocabulary.translated(ids, read.lexicon)) for name, ids in read.splits.items()}
    assert result["tokens"] == sum(whole.values())
    assert {**whole, "train": 0} == {**trained.metrics.tokens, "train": 0}
    assert trained.metrics.tokens["train"] > whole["train"], "training reads some words spelled"
    assert sum(part["tokens"] for part in result["by_class"].values()) == result["tokens"]
    losses = [np.log(part["perplexity"]) * part["tokens"] for part in result["by_class"].values()]
    assert np.exp(sum(losses) / result["tokens"]) == pytest.approx(result["perplexity"], rel=1e-9)


def test_training_learns_more_than_frequencies(corpus: Path, model: Path) -> None:
    tokens = read_corpus(find_sources([corpus], lambda _: None), None, lambda _: None).splits["train"]
    shares = np.unique(tokens, return_counts=True)[1] / len(tokens)
    guessing = np.exp(-(shares * np.log(shares)).sum())  # perplexity of knowing how frequent each token is
    metrics = load_model(model).metrics
    assert metrics.test.perplexity < 0.8 * guessing
    assert metrics.epochs[1].valid_perplexity < metrics.epochs[0].valid_perplexity
