"""Neural caches: the last tokens with the features that preceded them, from which the next one may come again.

A cache is trained with the network (`training.cache` has the formulas), or added to a finished one with constants.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.arrays import Floats

_MOST = 1 - 1e-9  # of a share: no word is impossible


@dataclass(frozen=True, slots=True)
class Cache:
    """Weights of a cache, named as in a model directory: `by_age` is `cache/age`."""

    gate: Floats  # (D,)
    bias: float
    sharpness: float
    by_age: Floats  # (window,)

    @property
    def window(self) -> int:
        """Number of tokens that are remembered."""
        return len(self.by_age)

    def share(self, features: Floats) -> float:
        """Return the probability that the next token is a remembered one."""
        return float(0.5 + 0.5 * np.tanh(0.5 * (float(features @ self.gate) + self.bias)))

    def weights(self, cosines: Floats, ages: npt.NDArray[np.int64]) -> Floats:
        """Return the weights of remembered tokens, which sum to one.

        `cosines` are those of the features before each token and the present ones; the age of the last token is 0.
        """
        scores: Floats = np.float32(self.sharpness) * cosines + self.by_age[ages]
        weights: Floats = np.exp(scores - scores.max())
        weights /= weights.sum()
        return weights


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """A cache for any finished network (Grave, Joulin and Usunier 2017, arXiv:1612.04426).

    The last `window` tokens are remembered with the features that preceded them. The next token is one of them with
    probability `share`, each weighted by exp(`sharpness` * cosine of its features and the present ones); else it is
    what the network predicts. The cosine makes one sharpness fit networks of every size.
    """

    window: int = 500
    share: float = 0.1
    sharpness: float = 12.0

    def cache(self, width: int) -> Cache:
        """Return the cache for features (D,) of that width."""
        with np.errstate(divide="ignore"):  # a share of nothing
            bias = float(np.log(self.share) - np.log1p(-self.share))
        return Cache(np.zeros(width, np.float32), bias, self.sharpness, np.zeros(self.window, np.float32))


def trained_cache(weights: Mapping[str, Floats]) -> Cache | None:
    """Return the cache among the weights of a model directory, if there is one."""
    if "cache/gate" not in weights:
        return None
    bias, sharpness = float(weights["cache/bias"]), float(weights["cache/sharpness"])
    return Cache(weights["cache/gate"], bias, sharpness, weights["cache/age"])


class RecentTokens:
    """What the cache of one script holds. The token `document` empties it."""

    def __init__(self, cache: Cache, document: int | None = None) -> None:
        self._cache = cache
        self._document = document
        self._tokens = np.zeros(cache.window, np.int64)
        self._keys: Floats | None = None  # of the tokens, (window, D); a ring
        self._held = 0
        self._present: Floats | None = None

    def mixed(self, token: int, features: Floats, logits: Floats) -> Floats:
        """Return the logarithms of the mixed probabilities of the next token, (V,).

        `features` (D,) and `logits` (V,) are those of the network after it has read `token`.
        """
        if self._present is not None:
            self._remember(self._present, token)
        if token == self._document:
            self._held = 0
        self._present = features / max(float(np.linalg.norm(features)), 1e-12)
        logits = logits - logits.max()
        logits -= np.log(np.exp(logits).sum(dtype=np.float64)).astype(np.float32)
        if not self._held or self._keys is None:
            return logits
        count = min(self._held, self._cache.window)
        ages = (self._held - 1 - np.arange(count)) % self._cache.window
        share = min(self._cache.share(features), _MOST)
        weights = share * self._cache.weights(self._keys[:count] @ self._present, ages)
        again = np.bincount(self._tokens[:count], weights, len(logits))
        words = np.flatnonzero(again)
        logits += np.float32(np.log1p(-share))
        logits[words] = np.logaddexp(logits[words], np.log(again[words]))
        return logits

    def _remember(self, key: Floats, token: int) -> None:
        """Keep a token with the direction of the features that preceded it, in the place of the oldest one."""
        if self._keys is None:
            self._keys = np.zeros((self._cache.window, len(key)), np.float32)
        place = self._held % self._cache.window
        self._keys[place], self._tokens[place] = key, token
        self._held += 1
