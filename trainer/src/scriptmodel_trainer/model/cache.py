"""A neural cache, once for NumPy and for TensorFlow: recent tokens, of which the next one may be a copy.

Grave et al. (arXiv:1612.04426) add a cache with constants to a trained network. Here the cache is part of the network
and of its loss (Zhong et al., arXiv:2205.12674). The remembered tokens compete with the network for probability, as
the pointer sentinel of Merity et al. (arXiv:1609.07843). With features f_t after token t, their directions
d_t = f_t / |f_t|, and the ages 0 to A - 1 of the last A tokens, where w_j follows f_(j - 1),

    score_tj  = sharpness * (d_(j - 1) . d_t - 1) + age[t - j]
    odds_tj   = exp(score_tj - gate . f_t - bias)
    p(w)      = (sum of odds_tj where w_j = w + p_network(w)) / (1 + sum of odds_tk over k)

So a cache that holds few tokens has little weight. In training gradients flow to the features of the current window;
those of previous windows are constants. `xp` is numpy or tensorflow.experimental.numpy.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.storage.arrays import SMALLEST, Floats, Ids

COLD = 1e-6
"""Temperature below which a choice is always the likeliest."""
_MOST = np.float32(30.0)  # logarithm of the odds of a copy, so that every word stays possible
_SHORT = np.float32(1e-24)  # of the square of a direction's length
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)


@dataclass(frozen=True, slots=True)
class Cache:
    """The weights of a cache: gate (D,), bias, sharpness and age (A,). It copies a `share` of what they say."""

    gate: Any
    bias: Any
    sharpness: Any
    age: Any
    share: Floats | np.float32 = _ONE

    @property
    def window(self) -> int:
        """Number of tokens that are remembered."""
        return int(self.age.shape[0])

    def copies(self, xp: Any, features: Any, cosines: Any, ages: npt.NDArray[np.integer], held: Any = True) -> Any:
        """Return the probability of copying each remembered token (..., N), and the share of the network (...).

        `features` (..., D) are the current ones, `cosines` (..., N) those between them and the features before each
        token. `ages` (..., N) are 0 for the last token, and those that are not `held` have no weight.
        """
        sentinel = xp.sum(features * self.gate, axis=-1, keepdims=True) + self.bias
        scores = self.sharpness * (cosines - _ONE) + xp.take(self.age, ages) - sentinel
        odds = xp.where(held, xp.exp(xp.minimum(scores, _MOST)), _ZERO)
        total = xp.sum(odds, axis=-1)
        return odds * (self.share / (_ONE + total))[..., None], (_ONE + (_ONE - self.share) * total) / (_ONE + total)


def cache_of(weights: Mapping[str, Any]) -> Cache | None:
    """Return the cache among the weights of a model, if there is one."""
    if "cache/gate" not in weights:
        return None
    return Cache(*(weights[f"cache/{name}"] for name in ("gate", "bias", "sharpness", "age")))


def directions(xp: Any, features: Any) -> Any:
    """Return features (..., D) with the length 1."""
    return features / xp.sqrt(xp.maximum(xp.sum(features * features, axis=-1, keepdims=True), _SHORT))


def empty(xp: Any, rows: int, window: int, width: int) -> list[Any]:
    """Return what a cache holds at first: directions (B, A, D), and tokens (B, A), which count from 1; 0 is none."""
    return [xp.zeros((rows, window, width), np.float32), xp.zeros((rows, window), np.float32)]


def recall(
    xp: Any, cache: Cache, features: Any, inputs: Any, targets: Any, held: Sequence[Any], document: int | None = None
) -> tuple[Any, Any, list[Any]]:
    """Return the network's share, the probability of copying the target, (B, T) each, and what is held after them.

    features (B, T, D) follow the tokens `inputs` (B, T) and precede `targets` (B, T). The token `document` clears the
    cache.
    """
    steps, window = features.shape[1], cache.window
    numbers, present = xp.asarray(targets + 1, np.float32), directions(xp, features)
    keys, tokens = xp.concatenate([held[0], present], axis=1), xp.concatenate([held[1], numbers], axis=1)
    age = window + np.arange(steps)[:, np.newaxis] - 1 - np.arange(window + steps)
    there = ((age >= 0) & (age < window)) & (tokens > 0)[:, np.newaxis, :]
    kept = tokens
    if document is not None:
        started = xp.cumsum(xp.asarray(inputs == document, np.float32), axis=1)
        since = xp.concatenate([xp.zeros_like(held[1]), started], axis=1)
        there = there & (since[:, np.newaxis, :] == started[:, :, np.newaxis])
        kept = tokens * xp.asarray(since == started[:, -1:], np.float32)
    cosines = xp.matmul(present, xp.swapaxes(keys, 1, 2))
    copied, network = cache.copies(xp, features, cosines, np.clip(age, 0, window - 1), there)
    same = tokens[:, np.newaxis, :] == numbers[:, :, np.newaxis]
    probability = xp.sum(xp.where(same, copied, _ZERO), axis=-1)
    return network, probability, [keys[:, -window:], kept[:, -window:]]


def mixed(xp: Any, likely: Any, network: Any, copied: Any) -> Any:
    """Return -ln of the probability of targets, given it by the network, the network's share and that of copies."""
    # NaN must stay NaN (maximum keeps it): that is how a diverged run is noticed.
    return -xp.log(xp.maximum(network * likely + copied, np.float32(SMALLEST)))


class RecentTokens:
    """The contents of one script's cache. The token `document` clears it.

    The `temperature` of sampling applies to the network only. Applied to the mixture, a low temperature would favour
    copies of copies, and scripts would loop.
    """

    def __init__(self, cache: Cache, document: int | None = None, temperature: float = 1.0) -> None:
        self._cache = cache
        self._document = document
        self._temperature = np.float32(temperature if temperature >= COLD else 1.0)
        self._tokens: Ids = np.zeros(0, np.int32)
        self._keys: Floats = np.zeros((0, len(cache.gate)), np.float32)  # of the tokens
        self._present: Floats = self._keys  # none yet

    def copy(self) -> Self:
        return copy(self)  # reading replaces the arrays

    def mixed(self, token: int, features: Floats, logits: Floats) -> Floats:
        """Return the temperature times the logarithms of the mixed probabilities of the next token, (V,).

        `features` (D,) and `logits` (V,) are those of the network after it has read `token`.
        """
        self.keep(token, features)
        logits = (logits - logits.max()) / self._temperature
        logits -= np.log(np.exp(logits).sum(dtype=np.float64)).astype(np.float32)
        ages = np.arange(len(self._tokens) - 1, -1, -1)
        copied, network = self._cache.copies(np, features, self._keys @ self._present, ages)
        again = np.bincount(self._tokens, copied, len(logits))
        words = np.flatnonzero(again)
        logits += np.log(network)
        logits[words] = np.logaddexp(logits[words], np.log(again[words]))
        return logits * self._temperature

    def keep(self, token: int, features: Floats) -> None:
        """Read a token, after which the network has these features (D,); those before it become its key."""
        window = self._cache.window
        if token == self._document:
            self._tokens, self._keys = self._tokens[:0], self._keys[:0]
        elif self._present.size:
            self._tokens = np.concatenate([self._tokens, np.array([token], np.int32)])[-window:]
            self._keys = np.concatenate([self._keys, self._present[np.newaxis]])[-window:]
        self._present = directions(np, features)
