"""Gradients that are written by hand, without which a step falls below PyTorch's; all others are automatic.

Figures are in docs/results/training-speed.md. The output layer is most of a step's arithmetic, and beyond its three
products the passes over the (N, V) array cost as much again in TensorFlow's own operations. With p = softmax(F K' + b),
loss = -ln p[target] and delta the same as p but less by one at each target, the gradients of a sum of losses with
weights s are (Bishop, Pattern Recognition and Machine Learning, 4.3.4)

    dF = s delta K    dK = delta' (s F)    db = sum of s delta

The layers below wait for dF alone, so it comes first, and dK beside their small operations.

Products are in the precision that a preset asks for; weights, sums and the softmax are float32. bfloat16 has float32's
range and 8 bits of precision, so nothing needs scaling; it pays where the processor multiplies it fast (AMX, tensor
cores, AVX512_BF16 of AMD) and is slower elsewhere, with the same result.
"""

from typing import Any

import tensorflow as tf

from scriptmodel_trainer.model.hardware import bfloat16_is_faster
from scriptmodel_trainer.storage.arrays import SMALLEST

FLOAT32 = "float32"


def product(
    left: Any, right: Any, precision: str, *, transpose_left: bool = False, transpose_right: bool = False
) -> Any:
    """left (M, K) @ right (K, N), either transposed first on demand; float32 in and out."""
    result = tf.matmul(
        tf.cast(left, precision), tf.cast(right, precision), transpose_a=transpose_left, transpose_b=transpose_right
    )
    return tf.cast(result, tf.float32)


class CarriedProduct:
    """Multiplies the states of a window's steps with a matrix, whose gradient is one product for all of them.

    Automatic differentiation has a product for each step, which are slower and hold a matrix each.
    """

    def __init__(self, matrix: Any, precision: str) -> None:
        self._matrix = matrix
        self._constant = tf.stop_gradient(tf.cast(matrix, precision))
        self._precision = precision
        self._states: list[Any] = []

    def __call__(self, state: Any) -> Any:
        """Return the next state (B, H) times the matrix (H, N)."""
        self._states.append(state)
        return product(state, self._constant, self._precision)

    def added_to(self, sums: Any) -> Any:
        """Return what the products are added to, (B, T, N), through which their gradient reaches the matrix."""

        @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow ships no types
        def same(sums: Any, matrix: Any) -> Any:
            def gradient(delta: Any) -> tuple[Any, Any]:
                states = tf.reshape(tf.stack(self._states, axis=1), (-1, matrix.shape[0]))
                flat = tf.reshape(delta, (-1, matrix.shape[1]))
                return delta, product(states, flat, self._precision, transpose_left=True)

            return tf.identity(sums), gradient

        return same(sums, self._matrix)


def cross_entropies(features: Any, kernel: Any, bias: Any, targets: Any, precision: str = FLOAT32) -> Any:
    """Return -ln softmax(features @ kernel.T + bias)[target] of each row, (N,) in nats.

    features (N, D), kernel (V, D), bias (V,), targets (N,) int32; `precision` is that of the matrix products.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow ships no types
    def loss(features: Any, kernel: Any, bias: Any) -> Any:
        rounded = tf.cast(kernel, precision)
        logits = tf.matmul(tf.cast(features, precision), rounded, transpose_b=True) + tf.cast(bias, precision)
        likely = _softmax(logits)
        at = tf.stack([tf.range(tf.shape(targets)[0]), targets], axis=1)
        # NaN must stay NaN here (tf.maximum keeps it): that is how a diverged run is noticed.
        value = -tf.math.log(tf.maximum(tf.cast(tf.gather_nd(likely, at), tf.float32), SMALLEST))

        def gradient(upstream: Any) -> tuple[Any, Any, Any]:
            scale = upstream[:, tf.newaxis]
            delta = tf.tensor_scatter_nd_sub(likely, at, tf.ones_like(targets, likely.dtype))
            to_features = product(delta, rounded, precision) * scale
            with tf.control_dependencies([to_features]):
                to_kernel = product(delta, features * scale, precision, transpose_left=True)
                most = tf.maximum(tf.reduce_max(tf.abs(scale)), SMALLEST)  # so that equal scales are not rounded
                to_bias = product(tf.transpose(scale / most), delta, precision)[0] * most
            return to_features, to_kernel, to_bias

        return value, gradient

    return loss(features, kernel, bias)


def _softmax(logits: Any) -> Any:
    """Return probabilities in the precision of the logits, computed in float32.

    Where bfloat16 is faster TensorFlow's operation does the same in one pass; where it is emulated that adds up in
    bfloat16.
    """
    if logits.dtype == tf.float32 or bfloat16_is_faster():
        return tf.nn.softmax(logits)
    return tf.cast(tf.nn.softmax(tf.cast(logits, tf.float32)), logits.dtype)
