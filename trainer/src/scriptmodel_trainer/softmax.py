"""Softmax cross-entropy over the vocabulary, fused with its gradient.

The output layer is most of a step's arithmetic, and beyond its three matrix products the passes over the (N, V) array
cost as much again in TensorFlow's own operations. Written out as below there are three: bias, softmax, and the bias'
gradient. With p = softmax(F K' + b) and loss = -mean(ln p[target]), the gradients are (Bishop, Pattern Recognition and
Machine Learning, 4.3.4)

    dF = (p K - K[target]) / N    dK = (p' F - rows of F summed by target) / N    db = (sum p - counts of targets) / N

so the one-hot targets are never written out: their part is a gather and a scatter of N rows. In bfloat16 the three
products' operands and results are rounded, and so are the logits; softmax and loss are computed in float32.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from scriptmodel_trainer.precision import FLOAT32, product

_SMALLEST = 1e-37  # a probability below is taken for this: -ln of it is 85


def mean_cross_entropy(features: Any, kernel: Any, bias: Any, targets: Any, precision: str = FLOAT32) -> Any:
    """Mean of -ln softmax(features @ kernel.T + bias)[target], a scalar in nats.

    features (N, D), kernel (V, D), bias (V,), targets (N,) int32; `precision` is that of the matrix products.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow ships no types
    def loss(features: Any, kernel: Any, bias: Any) -> Any:
        rounded = tf.cast(kernel, precision)
        logits = tf.matmul(tf.cast(features, precision), rounded, transpose_b=True) + tf.cast(bias, precision)
        likely = tf.nn.softmax(tf.cast(logits, tf.float32))
        rows = tf.range(tf.shape(targets)[0])
        wanted = tf.gather_nd(likely, tf.stack([rows, targets], axis=1))
        # NaN must stay NaN here (tf.maximum keeps it): that is how a diverged run is noticed.
        value = -tf.reduce_mean(tf.math.log(tf.maximum(wanted, _SMALLEST)))

        def gradient(upstream: Any) -> tuple[Any, Any, Any]:
            scale = upstream / tf.cast(tf.shape(targets)[0], tf.float32)
            at = targets[:, tf.newaxis]
            scaled = features * scale
            rounded_likely = tf.cast(likely, precision)
            to_features = (product(rounded_likely, rounded, precision) - tf.gather(kernel, targets)) * scale
            to_kernel = product(rounded_likely, scaled, precision, transpose_left=True)
            to_kernel = tf.tensor_scatter_nd_sub(to_kernel, at, scaled)
            to_bias = tf.reduce_sum(likely, axis=0) * scale
            to_bias = tf.tensor_scatter_nd_sub(to_bias, at, tf.fill([tf.shape(targets)[0]], scale))
            return to_features, to_kernel, to_bias

        return value, gradient

    return loss(features, kernel, bias)
