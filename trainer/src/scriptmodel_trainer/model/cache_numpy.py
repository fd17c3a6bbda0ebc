"""Neural caches: recent tokens and the features that preceded them, from which the next token may be copied.

A cache is trained with the network: `cache_tensorflow.py` has the formulas.
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.storage.arrays import Floats

COLD = 1e-6
"""Temperature below which a choice is always the likeliest."""
_MOST = 1 - 1e-9  # of the next token's probability, so that every word stays possible


@dataclass(frozen=True, slots=True)
class TrainedCache:
    """A cache with the weights that were trained with the network; it copies a `share` of what they say."""

    gate: Floats  # (D,)
    bias: float
    sharpness: float
    age: Floats  # (window,)
    share: float = 1.0

    @property
    def window(self) -> int:
        """Number of tokens that are remembered."""
        return len(self.age)

    def weights(self, features: Floats, cosines: Floats, ages: npt.NDArray[np.int64]) -> Floats:
        """Return the probability of copying each remembered token; the remainder is the network's.

        It is the softmax over these tokens and the network's sentinel. `features` (D,) are the current ones, `cosines`
        (N,) those between them and the features before each token. `ages` (N,) are 0 for the last token.
        """
        scores: Floats = np.float32(self.sharpness) * (cosines - 1) + self.age[ages]
        sentinel = float(features @ self.gate) + self.bias
        highest = max(float(scores.max()), sentinel)
        weights: Floats = np.exp(scores - np.float32(highest))
        weights *= np.float32(self.share) / (weights.sum() + np.float32(np.exp(sentinel - highest)))
        return weights


def trained_cache(weights: Mapping[str, Floats]) -> TrainedCache | None:
    """Return the cache among the weights of a model directory, if there is one."""
    if "cache/gate" not in weights:
        return None
    bias, sharpness = float(weights["cache/bias"]), float(weights["cache/sharpness"])
    return TrainedCache(weights["cache/gate"], bias, sharpness, weights["cache/age"])


class Copies:
    """The same for a text that is known: what a cache adds to each of its tokens, many at once."""

    def __init__(self, cache: TrainedCache, document: int | None = None) -> None:
        self._cache = cache
        self._document = document
        self._keys: Floats = np.zeros((0, 0), np.float32)  # before each remembered token, (N, D)
        self._tokens = np.zeros(0, np.int64)
        self._last: Floats | None = None  # direction of the features after the last token

    def probabilities(
        self, features: Floats, inputs: npt.NDArray[np.integer], targets: npt.NDArray[np.integer]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return the network's share, and the probability of copying the target, (T,) each.

        `features` (T, D) are those after the tokens `inputs` (T,) and before `targets` (T,).
        """
        present = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
        before = len(self._tokens)
        cleared = 0
        if self._last is None:  # nothing precedes the first token, so it is not remembered
            self._keys, self._last, cleared = present[:0], present[0], 1
        keys = np.concatenate([self._keys, self._last[np.newaxis], present[:-1]])
        tokens = np.concatenate([self._tokens, inputs])
        cosines = present @ keys.T
        others, copied = np.ones(len(inputs)), np.zeros(len(inputs))
        for row, target in enumerate(targets):
            end = before + row + 1
            if inputs[row] == self._document:
                cleared = end
            held = slice(max(end - self._cache.window, cleared), end)
            if held.start < end:
                ages = np.arange(end - held.start - 1, -1, -1)
                weights = self._cache.weights(features[row], cosines[row, held], ages)
                others[row] = 1 - min(float(weights.sum()), _MOST)
                copied[row] = weights[tokens[held] == target].sum()
        kept = slice(max(len(tokens) - self._cache.window, cleared), None)
        self._keys, self._tokens, self._last = keys[kept], tokens[kept], present[-1]
        return others, copied


class RecentTokens:
    """The contents of one script's cache. The token `document` clears it.

    The `temperature` of sampling applies to the network only. Applied to the mixture, a low temperature would favour
    copies of copies, and scripts would loop.
    """

    def __init__(self, cache: TrainedCache, document: int | None = None, temperature: float = 1.0) -> None:
        self._cache = cache
        self._document = document
        self._temperature = np.float32(temperature if temperature >= COLD else 1.0)
        self._tokens = np.zeros(cache.window, np.int64)
        self._keys: Floats | None = None  # of the tokens, (window, D); a ring
        self._held = 0
        self._present: Floats | None = None

    def copy(self) -> Self:
        same = copy(self)
        same._tokens, same._keys = self._tokens.copy(), None if self._keys is None else self._keys.copy()
        return same

    def mixed(self, token: int, features: Floats, logits: Floats) -> Floats:
        """Return the temperature times the logarithms of the mixed probabilities of the next token, (V,).

        `features` (D,) and `logits` (V,) are those of the network after it has read `token`.
        """
        self.keep(token, features)
        logits = (logits - logits.max()) / self._temperature
        logits -= np.log(np.exp(logits).sum(dtype=np.float64)).astype(np.float32)
        if not self._held or self._keys is None or self._present is None:
            return logits * self._temperature
        count = min(self._held, self._cache.window)
        ages = (self._held - 1 - np.arange(count)) % self._cache.window
        weights = self._cache.weights(features, self._keys[:count] @ self._present, ages)
        share = min(float(weights.sum()), _MOST)
        again = np.bincount(self._tokens[:count], weights, len(logits))
        words = np.flatnonzero(again)
        logits += np.float32(np.log1p(-share))
        logits[words] = np.logaddexp(logits[words], np.log(again[words]))
        return logits * self._temperature

    def keep(self, token: int, features: Floats) -> None:
        """Read a token, after which the network has these features (D,)."""
        if self._present is not None:
            self._remember(self._present, token)
        if token == self._document:
            self._held = 0
        self._present = features / max(float(np.linalg.norm(features)), 1e-12)

    def _remember(self, key: Floats, token: int) -> None:
        """Keep a token with the direction of the features that preceded it, in the place of the oldest one."""
        if self._keys is None:
            self._keys = np.zeros((self._cache.window, len(key)), np.float32)
        place = self._held % self._cache.window
        self._keys[place], self._tokens[place] = key, token
        self._held += 1
