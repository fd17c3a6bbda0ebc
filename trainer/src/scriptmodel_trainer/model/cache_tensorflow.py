"""A neural cache that is trained with the network and predicts that a recent token is repeated.

Grave et al. (arXiv:1612.04426) add a cache with constants to a trained network. Here the cache is part of the network
and of its loss (Zhong et al., arXiv:2205.12674). The network competes with the remembered tokens for probability, as
the pointer sentinel of Merity et al. (arXiv:1609.07843). With features f_t after token t, their directions
d_t = f_t / |f_t|, and the ages 0 to A - 1 of the last A tokens, where w_j follows f_(j - 1),

    score_tj  = sharpness * (d_(j - 1) . d_t - 1) + age[t - j]
    weight_tj = exp(score_tj) / (exp(gate . f_t + bias) + sum of exp(score_tk) over k)
    p(w)      = sum of weight_tj where w_j = w + (1 - sum of weight_tj) p_network(w)

So a cache that holds few tokens has little weight. Gradients flow to the features of the current window; those of
previous windows are constants.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from scriptmodel_trainer.storage.arrays import SMALLEST

_NEVER = -1e9  # score of a token that is not in the cache


def empty_cache(rows: int, window: int, width: int) -> list[Any]:
    """Return the state of a cache: directions (B, A, D), and tokens (B, A), which count from 1; 0 is none."""
    return [tf.zeros((rows, window, width)), tf.zeros((rows, window))]


def recall(
    weights: Mapping[str, Any],
    features: Any,
    inputs: Any,
    targets: Any,
    state: Sequence[Any],
    document: int | None = None,
) -> tuple[Any, Any, list[Any]]:
    """Return the network's weight, the probability of copying the target, (B, T) each, and the state after the window.

    `weights` are named as in Preset.shapes; features (B, T, D) follow the tokens `inputs` (B, T) and precede
    `targets` (B, T). The token `document` clears the cache.
    """
    before, steps = state[1].shape[1], features.shape[1]
    numbers = tf.cast(targets + 1, tf.float32)
    present = tf.math.l2_normalize(features, axis=-1)
    directions = tf.concat([state[0], present], axis=1)
    tokens = tf.concat([state[1], numbers], axis=1)
    age = before + tf.range(steps)[:, tf.newaxis] - 1 - tf.range(before + steps)[tf.newaxis, :]
    there = ((age >= 0) & (age < before))[tf.newaxis] & (tokens > 0)[:, tf.newaxis, :]
    kept = tokens
    if document is not None:
        started = tf.cumsum(tf.cast(tf.equal(inputs, document), tf.float32), axis=1)
        since = tf.concat([tf.zeros_like(state[1]), started], axis=1)
        there &= tf.equal(since[:, tf.newaxis, :], started[:, :, tf.newaxis])
        kept = tokens * tf.cast(tf.equal(since, started[:, -1:]), tf.float32)
    scores = weights["cache/sharpness"] * (tf.matmul(present, directions, transpose_b=True) - 1.0)
    scores += tf.gather(weights["cache/age"], tf.clip_by_value(age, 0, before - 1))
    sentinel = tf.tensordot(features, weights["cache/gate"], 1) + weights["cache/bias"]
    attention = tf.nn.softmax(tf.concat([tf.where(there, scores, _NEVER), sentinel[..., tf.newaxis]], axis=-1))
    same = tf.equal(tokens[:, tf.newaxis, :], numbers[:, :, tf.newaxis])
    probability = tf.reduce_sum(tf.where(same & there, attention[..., :-1], 0.0), axis=-1)
    return attention[..., -1], probability, [directions[:, -before:], kept[:, -before:]]


def mixed(losses: Any, network: Any, probability: Any) -> Any:
    """Return the losses of the targets under the mixture in nats, from those of the network alone; all of one shape.

    `network` and `probability` are those that `recall` returns.
    """
    # NaN must stay NaN (tf.maximum keeps it): that is how a diverged run is noticed.
    return -tf.math.log(tf.maximum(network * tf.exp(-losses) + probability, SMALLEST))
