"""Readers of one stream of tokens: the network alone, or with a neural cache of the last words.

Both generation and `evaluate --cache` go through the same reader, so that what is measured is what writes.
"""

from __future__ import annotations

from typing import Protocol

from scriptmodel_trainer.arrays import Floats
from scriptmodel_trainer.generation.caches import Cache, CacheSettings, RecentTokens
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


class CachedReader:
    """The network with a neural cache."""

    def __init__(self, network: Network, cache: Cache, temperature: float = 1.0) -> None:
        self._network = network
        self._state = network.initial_state()
        self._recent = RecentTokens(cache, network.document, temperature)

    def read(self, token: int) -> Floats:
        """Read one token; returns what `RecentTokens.mixed` does, (V,)."""
        features = self._network.step(self._state, token)
        return self._recent.mixed(token, features, self._network.logits(features))


def reader_of(network: Network, settings: CacheSettings | None = None, temperature: float = 1.0) -> Reader:
    """Return a reader that starts afresh: with the network's own cache, or else with one of the given settings.

    `temperature` is that of the sampling from what it returns.
    """
    cache = network.cache or settings
    return CachedReader(network, cache, temperature) if cache else NetworkReader(network)
