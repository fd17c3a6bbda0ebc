"""Softmax cross-entropy over the vocabulary, fused with its gradient.

The output layer is most of a step's arithmetic, and beyond its three matrix products the passes over the (N, V) array
cost as much again in TensorFlow's own operations. With p = softmax(F K' + b), loss = -mean(ln p[target]) and delta the
same as p but less by one at each target, the gradients are (Bishop, Pattern Recognition and Machine Learning, 4.3.4)

    dF = delta K / N    dK = delta' F / N    db = sum delta / N

If the losses of the rows have different weights, row n of delta is multiplied by its weight.

In float32 the targets' part is a gather and a scatter of N rows, so that p is never copied. In bfloat16 the products'
operands and results are rounded (the sum of db is one of them), and so are logits and p, between which the softmax is
computed in float32; copying p costs less than the scatter into a float32 table does.

An adaptive softmax (Grave et al., arXiv:1609.04309, without its smaller projections) has all frequent words and one
entry for the tail in a first softmax, and the rare words in a second one:

    p(w) = p_head(w)    p(w) = p_head(tail) p_tail(w)  of a rare word

The layers below wait for dF alone, so it comes first, and dK beside their small operations.
"""

from typing import Any

import tensorflow as tf

from scriptmodel_trainer.model.precision import FLOAT32, product, softmax
from scriptmodel_trainer.storage.arrays import SMALLEST


def cross_entropies(
    features: Any, kernel: Any, bias: Any, targets: Any, precision: str = FLOAT32, equal: bool = False
) -> Any:
    """Return -ln softmax(features @ kernel.T + bias)[target] of each row, (N,) in nats.

    The gradients are right for a sum of losses with any weights; if these are `equal`, a product less is needed.

    features (N, D), kernel (V, D), bias (V,), targets (N,) int32; `precision` is that of the matrix products.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow ships no types
    def loss(features: Any, kernel: Any, bias: Any) -> Any:
        rounded = tf.cast(kernel, precision)
        logits = tf.matmul(tf.cast(features, precision), rounded, transpose_b=True) + tf.cast(bias, precision)
        likely = softmax(logits)
        at = tf.stack([tf.range(tf.shape(targets)[0]), targets], axis=1)
        target_probabilities = tf.cast(tf.gather_nd(likely, at), tf.float32)
        # NaN must stay NaN here (tf.maximum keeps it): that is how a diverged run is noticed.
        value = -tf.math.log(tf.maximum(target_probabilities, SMALLEST))

        def gradient(upstream: Any) -> tuple[Any, Any, Any]:
            scale = upstream[:, tf.newaxis]
            if precision != FLOAT32:
                return _rounded_gradients(likely, features, rounded, targets, scale)
            return _gradients(likely, features, rounded, targets, scale, equal)

        return value, gradient

    return loss(features, kernel, bias)


def adaptive_cross_entropies(
    features: Any, kernel: Any, bias: Any, tail: Any, tail_bias: Any, targets: Any, *, cutoff: int, precision: str
) -> Any:
    """Return -ln p(target) of each row under an adaptive softmax, (N,) in nats.

    The first softmax is over the first `cutoff` words and the tail, which has the weights `tail` (D,) and `tail_bias`;
    a second one, over the other words, is computed for the rows with such targets alone. All else as in
    `cross_entropies`.
    """
    frequent, rare = tf.split(kernel, [cutoff, kernel.shape[0] - cutoff])
    frequent_bias, rare_bias = tf.split(bias, [cutoff, bias.shape[0] - cutoff])
    head = tf.concat([frequent, tail[tf.newaxis]], axis=0)
    head_bias = tf.concat([frequent_bias, tail_bias[tf.newaxis]], axis=0)
    losses = cross_entropies(features, head, head_bias, tf.minimum(targets, cutoff), precision)
    rows = tf.where(targets >= cutoff)[:, 0]
    others = tf.gather(targets, rows) - cutoff
    added = cross_entropies(tf.gather(features, rows), rare, rare_bias, others, precision)
    return tf.tensor_scatter_nd_add(losses, rows[:, tf.newaxis], added)


def _gradients(likely: Any, features: Any, kernel: Any, targets: Any, scale: Any, equal: bool) -> tuple[Any, Any, Any]:
    at, scaled = targets[:, tf.newaxis], features * scale
    to_features = (tf.matmul(likely, kernel) - tf.gather(kernel, targets)) * scale
    with tf.control_dependencies([to_features]):
        to_kernel = tf.tensor_scatter_nd_sub(tf.matmul(likely, scaled, transpose_a=True), at, scaled)
        to_bias = tf.reduce_sum(likely, axis=0) * scale[0] if equal else tf.matmul(scale, likely, transpose_a=True)[0]
    return to_features, to_kernel, tf.tensor_scatter_nd_sub(to_bias, at, scale[:, 0])


def _rounded_gradients(likely: Any, features: Any, kernel: Any, targets: Any, scale: Any) -> tuple[Any, Any, Any]:
    kind = likely.dtype.name
    ones = tf.ones_like(targets, kind)
    delta = tf.tensor_scatter_nd_sub(likely, tf.stack([tf.range(tf.shape(targets)[0]), targets], axis=1), ones)
    to_features = product(delta, kernel, kind) * scale
    with tf.control_dependencies([to_features]):
        to_kernel = product(delta, features * scale, kind, transpose_left=True)
        most = tf.maximum(tf.reduce_max(tf.abs(scale)), SMALLEST)  # equal scales are not rounded, no rows give no NaN
        to_bias = product(tf.transpose(scale / most), delta, kind)[0] * most
    return to_features, to_kernel, to_bias
