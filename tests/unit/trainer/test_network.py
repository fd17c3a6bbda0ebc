"""The network: hand-written pieces against plain Keras, what trains it, and two ways to a perplexity.

In float32 a step differs from Keras' in the order of additions only; bfloat16 rounds what a product takes and gives by
up to 1 part in 256, so its gradients are compared as a whole: the length of the difference, as a share of its own.
"""

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from compiled import run_of
from running import run_trainer
from samples import read_stream
from stepwise import negative_log_likelihoods
from tensors import tf

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.evaluation.perplexity import cut_for_validation
from scriptmodel_trainer.model import network_tensorflow as model_module
from scriptmodel_trainer.model.dropout import Dropout
from scriptmodel_trainer.model.hardware import bfloat16_is_faster
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.network_tensorflow import LanguageModel, read_window
from scriptmodel_trainer.model.presets import PRESETS, Preset, with_overrides
from scriptmodel_trainer.progress.listeners import TextProgress
from scriptmodel_trainer.training import loop
from scriptmodel_trainer.training.batches import cut_for_training
from scriptmodel_trainer.training.graph import TrainingGraph, Validation
from scriptmodel_trainer.training.optimizers import Optimizer
from scriptmodel_trainer.training.run import Run as FittedRun
from scriptmodel_trainer.training.stopping import StopSignals

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
    validation, calls = Validation(model, rows), []
    assert validation.run(lambda: calls.append(1)) == pytest.approx(exact, rel=1e-4)
    assert len(calls) == rows.inputs.shape[1] // rows.steps, "signals are answered meanwhile"


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
    assert {"perplexity", "tokens"} <= result.keys()
    read = read_stream(corpus)
    whole = {name: len(trained.vocabulary.translated(ids, read.lexicon)) for name, ids in read.splits.items()}
    assert result["tokens"] == sum(whole.values())
    assert {**whole, "train": 0} == {**trained.metrics.tokens, "train": 0}
    assert trained.metrics.tokens["train"] > whole["train"], "training reads some words spelled"


SETTINGS = {"hidden_units": "12", "steps": "5", "batch_size": "4", "dropout": "0.2"}


def preset(name: str, **more: str) -> Preset:
    return with_overrides(PRESETS[name], {**SETTINGS, **more})


class Run:
    """A model in training."""

    def __init__(self, chosen: Preset) -> None:
        self.model = LanguageModel(chosen, 50, seed=2)
        self.optimizer = Optimizer(chosen, self.model.variables)
        rows = cut_for_training(STREAM, chosen.batch_size, chosen.steps, 0)
        self.graph = TrainingGraph(self.model, self.optimizer, rows, seed=3)

    def train(self, first: int, windows: int) -> float:
        return self.graph.run(first, first, [0.01] * windows)


def test_bfloat16_and_float32_learn_the_same() -> None:
    exact, rounded = Run(preset("demo")), Run(preset("demo", precision="bfloat16"))
    for _ in range(3):
        losses = exact.train(0, 40), rounded.train(0, 40)
    assert losses[0] < 40 * np.log(50)  # better than guessing: there is something to compare
    assert losses[1] == pytest.approx(losses[0], rel=5e-3)
    assert {weights.dtype for weights in rounded.model.weights().values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("where", ["on a GPU", "in a window too long to write out"])
def test_keras_layers_are_taken_and_compute_the_same(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = tf.constant(STREAM[None, :40])
    usual = LanguageModel(preset("small"), 50, seed=2)
    expected, _ = usual.features(tokens, usual.zero_state(1))
    if where == "on a GPU":
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: ["GPU:0"])
    else:
        monkeypatch.setattr(model_module, "MOST_STEPS", 39)
    monkeypatch.setattr(model_module, "read_window", lambda *_: pytest.fail("not Keras' layer"))
    model = LanguageModel(preset("small"), 50, seed=2)
    features, _ = model.features(tokens, model.zero_state(1), precision="bfloat16")
    assert features.numpy() == pytest.approx(expected.numpy(), abs=1e-6)


@pytest.mark.parametrize(
    ("described", "faster"),
    [
        ("vendor_id\t: AuthenticAMD\nflags\t\t: fpu avx2 avx512f avx512_bf16 vaes\n", True),
        ("vendor_id\t: GenuineIntel\nflags\t\t: fpu avx2 avx512f avx512_bf16 vaes\n", False),
        ("vendor_id\t: GenuineIntel\nflags\t\t: fpu avx2 avx512f avx512_bf16 amx_bf16\n", True),
        ("flags\t\t: fpu amx_bf16\n", True),
        ("Features\t: fp asimd bf16\n", True),
        ("model name\t: bf16\nflags\t\t: fpu avx2 avx512f\n", False),
        (None, True),  # not Linux: nothing is known against it
    ],
)
def test_bfloat16_is_faster_by_vendor_and_flags_of_the_cpu(
    described: str | None, faster: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_text(path: Path, **_: str) -> str:
        if described is None:
            raise FileNotFoundError(path)
        return described

    monkeypatch.setattr(Path, "read_text", read_text)
    assert bfloat16_is_faster() is faster


def run_in(folder: Path, document: int | None = None, **settings: str) -> FittedRun:
    return run_of(folder, TextProgress(sys.stdout), preset("test", **settings), STREAM, document)


def test_a_network_too_large_for_the_memory_raises_memory_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def too_large(*_: object) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[8192,32768]")

    monkeypatch.setattr(loop, "LanguageModel", too_large)
    with pytest.raises(MemoryError):
        loop.fit(run_in(tmp_path), TextProgress(sys.stdout), StopSignals())


def test_a_run_validates_as_its_model_scores_where_documents_start(tmp_path: Path) -> None:
    run = run_in(tmp_path, 7, epochs="2", cache_window="50", initial_range="3")
    result = loop.fit(run, TextProgress(sys.stdout), StopSignals())
    expected = negative_log_likelihoods(Network(result.weights, 7), STREAM, 7)
    found = run.state.history[run.state.best_epoch - 1].valid_perplexity
    assert math.log(found) == pytest.approx(expected.mean(), rel=1e-5)


ROUNDING = {"float32": 2e-6, "bfloat16": 0.01}


def variable(random: np.random.Generator, *shape: int) -> Any:
    return tf.Variable(random.normal(size=shape).astype(np.float32))


def worst_difference(tape: Any, ours: Any, plain: Any, variables: Sequence[Any]) -> float:
    """Largest over the variables of |our gradient - plain gradient| / |plain gradient|, in Euclidean length."""
    shares = []
    for ours_part, plain_part in zip(tape.gradient(ours, variables), tape.gradient(plain, variables), strict=True):
        expected = tf.convert_to_tensor(plain_part)
        shares.append(float(tf.norm(tf.convert_to_tensor(ours_part) - expected) / tf.norm(expected)))
    return max(shares)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(("cutoff", "words"), [(0, 20), (20, 20), (20, 50)])
@pytest.mark.parametrize(("precision", "native"), [("float32", True), ("bfloat16", True), ("bfloat16", False)])
def test_losses_that_count_unequally_have_the_gradients_of_their_formula(
    precision: str, native: bool, cutoff: int, words: int, tied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if native and precision == "bfloat16" and not bfloat16_is_faster():
        pytest.skip("this processor emulates bfloat16, whose softmax is never used then")
    monkeypatch.setattr("scriptmodel_trainer.model.kernels.bfloat16_is_faster", lambda: native)
    random = np.random.default_rng(5)
    model = LanguageModel(Preset(hidden_units=9, softmax_cutoff=cutoff, tied_embeddings=tied), 50, seed=0)
    names = ["embedding" if tied else "output/kernel", *(name for name in model.variables if "output/" in name)]
    names = list(dict.fromkeys(names))
    for name in names:
        model.variables[name].assign(random.normal(size=model.variables[name].shape))
    features, counts = variable(random, 30, 9), tf.constant(variable(random, 30))
    targets = tf.constant(random.integers(0, words, 30), tf.int32)  # some words twice: their gradients must add up
    with tf.GradientTape(persistent=True) as tape:
        ours = tf.reduce_sum(model.losses(features, targets, model.vectors, precision) * counts)
        logits = tf.matmul(features, model.variables[names[0]], transpose_b=True) + model.variables["output/bias"]
        if cutoff:
            tail, tail_bias = model.variables["output/tail"], model.variables["output/tail_bias"]
            share = tf.tensordot(features, tail, 1) + tail_bias - tf.reduce_logsumexp(logits[:, cutoff:], axis=1)
            logits = tf.concat([logits[:, :cutoff], logits[:, cutoff:] + share[:, tf.newaxis]], axis=1)
        losses = tf.keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True)
        plain = tf.reduce_sum(losses * counts)
    assert float(ours) == pytest.approx(float(plain), rel=ROUNDING[precision] * 5)
    variables = [features, *(model.variables[name] for name in names)]
    assert worst_difference(tape, ours, plain, variables) < ROUNDING[precision]


@pytest.mark.parametrize("precision", ROUNDING)
@pytest.mark.parametrize("steps", [1, 7])
def test_an_lstm_window_is_keras(precision: str, steps: int) -> None:
    random = np.random.default_rng(6)
    layer = tf.keras.layers.LSTM(5, return_sequences=True, return_state=True)
    layer.build((None, None, 3))
    weights = [weight.value for weight in layer.trainable_variables]
    for weight in weights:
        weight.assign(random.normal(size=weight.shape).astype(np.float32) * 0.5)
    inputs, output, cell = variable(random, 4, steps, 3), variable(random, 4, 5), variable(random, 4, 5)
    factors = [tf.constant(variable(random, *shape)) for shape in ((4, steps, 5), (4, 5), (4, 5))]
    with tf.GradientTape(persistent=True) as tape:
        ours = read_window(inputs, output, cell, *weights, precision)
        plain = layer(inputs, initial_state=[output, cell])
        # The last outputs and the state after them are weighed apart: gradients through each must be right.
        ours_sum, plain_sum = (
            tf.add_n([tf.reduce_sum(part * factor) for part, factor in zip(parts, factors, strict=True)])
            for parts in (ours, plain)
        )
    for ours_part, plain_part in zip(ours, plain, strict=True):
        assert float(tf.norm(ours_part - plain_part) / tf.norm(plain_part)) < ROUNDING[precision]
    assert worst_difference(tape, ours_sum, plain_sum, [inputs, output, cell, *weights]) < ROUNDING[precision]


NAMES = ("embedding", "output/kernel", "output/bias")


def variables() -> dict[str, tf.Variable]:
    random = np.random.default_rng(4)
    shapes = ((6, 3), (6, 3), (6,))
    return {
        name: tf.Variable(random.normal(size=shape).astype(np.float32), name="bias" if name.endswith("bias") else "w")
        for name, shape in zip(NAMES, shapes, strict=True)
    }


def gradients(size: float, bad: float = 0.0) -> dict[str, tf.Tensor | tf.IndexedSlices]:
    """The word vectors' gradient has rows of the words that occurred, one of them twice."""
    random = np.random.default_rng(5)
    rows, kernel, bias = (random.normal(size=shape).astype(np.float32) * size for shape in ((4, 3), (6, 3), (6,)))
    bias[2] += bad
    slices = tf.IndexedSlices(tf.constant(rows), tf.constant([1, 4, 1, 0]), dense_shape=tf.constant([6, 3]))
    parts = (slices, tf.constant(kernel), tf.constant(bias))
    return dict(zip(NAMES, parts, strict=True))


@pytest.mark.parametrize("size", [0.01, 100.0])  # below and above the norm that clips
@pytest.mark.parametrize(
    ("settings", "plain"),
    [
        ({"optimizer": "sgd"}, lambda: tf.keras.optimizers.SGD(0.1)),
        ({"optimizer": "adam"}, lambda: tf.keras.optimizers.Adam(0.1, epsilon=1e-8)),
    ],
)
def test_an_update_is_keras(settings: dict[str, str], plain: object, size: float) -> None:
    preset = with_overrides(PRESETS["small"], {**settings, "clip_norm": "5"})
    ours, theirs = variables(), variables()
    optimizer, reference = Optimizer(preset, ours), plain()
    for step in range(3):
        found = gradients(size * (step + 1))
        optimizer.apply(found, tf.constant(0.1))
        clipped, _ = tf.clip_by_global_norm(list(found.values()), 5.0)
        reference.apply_gradients(
            [(tf.convert_to_tensor(g), theirs[name]) for g, name in zip(clipped, NAMES, strict=True)]
        )
    for name in NAMES:
        assert ours[name].numpy() == pytest.approx(theirs[name].numpy(), rel=1e-5, abs=5e-6), name


ONES = np.ones((40, 30, 50), np.float32)
HALF = Preset(dropout=0.5, word_dropout=0.5, output_dropout=0.5)


def units(preset: Preset, step: int, place: int = 1) -> npt.NDArray[np.float32]:
    dropped: npt.NDArray[np.float32] = Dropout(preset, 0, tf.constant(step)).of_units(tf.constant(ONES), place).numpy()
    return dropped


def test_a_window_draws_the_same_again_and_another_one_something_else() -> None:
    assert (units(HALF, 7) == units(HALF, 7)).all()
    other_seed = Dropout(HALF, 1, tf.constant(7)).of_units(tf.constant(ONES), 1).numpy()
    for other in (units(HALF, 8), units(HALF, 7, place=2), other_seed):
        assert 0.4 < (units(HALF, 7) == other).mean() < 0.6


def test_variational_dropout_leaves_out_the_same_units_at_every_step() -> None:
    kept = units(Preset(dropout=0.5, variational_dropout=True), 0)
    assert (kept == kept[:, :1]).all()
    assert (kept[0] != kept[1]).any()
    assert (units(HALF, 0) != units(HALF, 0)[:, :1]).any()


def test_word_dropout_drops_all_occurrences_of_a_word() -> None:
    inputs = np.random.default_rng(0).integers(0, 20, (8, 35))
    vectors = tf.ones((8, 35, 4))
    dropped: Any = Dropout(HALF, 0, tf.constant(3)).of_words(vectors, tf.constant(inputs), 20).numpy()
    for word in range(20):
        assert len(np.unique(dropped[inputs == word])) == 1
    assert set(np.unique(dropped)) == {0.0, 2.0}
