"""The reader of one stream of tokens: the network, mixed with trigrams and with a neural cache of the last words.

Generation reads one token at a time. `evaluation/perplexity.py` scores whole texts in rows.
"""

from collections.abc import Sequence
from copy import copy
from typing import Self

import numpy as np

from scriptmodel_trainer.model.cache import RecentTokens
from scriptmodel_trainer.model.network_numpy import Network, State
from scriptmodel_trainer.storage.arrays import Floats


class Reader:
    """Reads a stream from its start, token by token; `temperature` is that of the sampling from what is returned."""

    def __init__(self, network: Network, temperature: float = 1.0) -> None:
        self.network = network
        self.state = network.initial_state()
        self._last: int | None = None
        self._recent = RecentTokens(network.cache, network.document, temperature) if network.cache else None

    def read(self, *tokens: int) -> Floats:
        """Read some tokens; returns the logits after the last one, (V,)."""
        self.skip(tokens[:-1])
        features = self.network.step(self.state, tokens[-1])
        return self.mixed(tokens[-1], features, self.network.logits(features))

    def skip(self, tokens: Sequence[int]) -> None:
        """Read tokens, all at once, after which nothing is predicted."""
        if not tokens:
            return
        features = self.network.read(self.state, np.array(tokens, np.int32))
        self._last = tokens[-1]
        if self._recent:
            for token, feature in zip(tokens, features, strict=True):
                self._recent.keep(token, feature)

    def mixed(self, token: int, features: Floats, logits: Floats) -> Floats:
        """Return the logits (V,) of the mixture after `token`, given the network's features (D,) and logits (V,)."""
        if self.network.trigrams:
            logits = self.network.trigrams.mixed_logits(self._last, token, logits)
        self._last = token
        return self._recent.mixed(token, features, logits) if self._recent else logits

    def copy(self) -> Self:
        """Return a reader that has read the same and reads on independently."""
        same = copy(self)
        same.state = State(list(self.state.outputs), list(self.state.cells))
        same._recent = self._recent and self._recent.copy()
        return same


def read_together(readers: Sequence[Reader], tokens: Sequence[Sequence[int]]) -> list[Floats]:
    """Read the next tokens of each reader of a network, the last ones in one step; returns the logits after each, (V,).

    A single reader reads as without this function.
    """
    if len(readers) < 2:
        return [reader.read(*given) for reader, given in zip(readers, tokens, strict=True)]
    for reader, given in zip(readers, tokens, strict=True):
        reader.skip(given[:-1])
    states, last = [reader.state for reader in readers], [given[-1] for given in tokens]
    state = State(_stacked([each.outputs for each in states]), _stacked([each.cells for each in states]))
    network = readers[0].network
    features = network.step(state, np.array(last, np.int32))
    logits = network.logits_of_rows(features)
    for row, reader in enumerate(readers):
        reader.state = State([each[row] for each in state.outputs], [each[row] for each in state.cells])
    rows = zip(readers, last, features, logits, strict=True)
    return [reader.mixed(token, own, predicted) for reader, token, own, predicted in rows]


def _stacked(parts: Sequence[Sequence[Floats]]) -> list[Floats]:
    """Return the arrays of each layer side by side, (rows, units)."""
    return [np.stack(layer) for layer in zip(*parts, strict=True)]
