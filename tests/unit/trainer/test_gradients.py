"""A training step has the values and gradients of plain Keras, within a stated rounding.

float32 differs in the order of additions only; bfloat16 rounds what a product takes and gives by up to 1 part in 256,
so its gradients are compared as a whole: the length of the difference, as a share of the gradient's length.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from scriptmodel_trainer.model.hardware import bfloat16_is_faster, load_tensorflow

load_tensorflow(0)

import keras  # noqa: E402  # quietly loaded above
import tensorflow as tf  # noqa: E402  # as above

from scriptmodel_trainer.model.network_tensorflow import LanguageModel, read_window  # noqa: E402  # as above
from scriptmodel_trainer.model.presets import Preset  # noqa: E402  # as above

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
    layer = keras.layers.LSTM(5, return_sequences=True, return_state=True)
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
