"""Readers of one stream of tokens: the network alone, or with a neural cache of the last words.

Both generation and `evaluate --cache` go through the same reader, so that what is measured is what writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from scriptmodel_trainer.arrays import Floats
from scriptmodel_trainer.generation.network import Network


class Reader(Protocol):
    """Reads a stream token by token."""

    def read(self, token: int) -> Floats:
        """Read one token; returns the logits of the next one, (V,)."""
        ...


class NetworkReader:
    """The network alone."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._state = network.initial_state()

    def read(self, token: int) -> Floats:
        """Read one token; returns the logits of the next one, (V,)."""
        return self._network.logits(self._network.step(self._state, token))


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """A neural cache (Grave, Joulin and Usunier 2017, arXiv:1612.04426).

    The last `window` tokens are remembered with the features that preceded them. The next token is one of them with
    probability `share`, each weighted by exp(`sharpness` * cosine of its features and the present ones); else it is
    what the network predicts. The cosine makes one sharpness fit networks of every size.
    """

    window: int = 500
    share: float = 0.1
    sharpness: float = 12.0


class CachedReader:
    """The network with a neural cache."""

    def __init__(self, network: Network, settings: CacheSettings) -> None:
        self._network = network
        self._settings = settings
        self._state = network.initial_state()
        self._tokens = np.zeros(settings.window, np.int64)
        self._keys: Floats | None = None  # of the tokens, (window, D); a ring
        self._held = 0
        self._present: Floats | None = None

    def read(self, token: int) -> Floats:
        """Read one token; returns the logarithm of the mixed probabilities of the next one, (V,)."""
        features = self._network.step(self._state, token)
        direction = features / max(float(np.linalg.norm(features)), 1e-12)
        if self._present is not None:
            self._remember(self._present, token)
        self._present = direction
        return self._mixed(self._network.logits(features), direction)

    def _remember(self, key: Floats, token: int) -> None:
        """Keep a token with the direction of the features that preceded it, in the place of the oldest one."""
        if self._keys is None:
            self._keys = np.zeros((self._settings.window, len(key)), np.float32)
        place = self._held % self._settings.window
        self._keys[place], self._tokens[place] = key, token
        self._held += 1

    def _mixed(self, logits: Floats, direction: Floats) -> Floats:
        logits = logits - logits.max()
        logits -= np.log(np.exp(logits).sum(dtype=np.float64)).astype(np.float32)
        if self._keys is None:
            return logits
        count = min(self._held, self._settings.window)
        weights = np.exp(self._settings.sharpness * (self._keys[:count] @ direction - 1))
        weights *= self._settings.share / weights.sum()
        mixed = (1 - self._settings.share) * np.exp(logits)
        np.add.at(mixed, self._tokens[:count], weights)
        with np.errstate(divide="ignore"):  # a word that even the network holds impossible
            result: Floats = np.log(mixed)
        return result


def reader_of(network: Network, cache: CacheSettings | None) -> Reader:
    """Return a reader that starts afresh, with a neural cache if its settings are given."""
    return CachedReader(network, cache) if cache else NetworkReader(network)
