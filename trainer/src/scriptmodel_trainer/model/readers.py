"""The reader of one stream of tokens: the network, mixed with trigrams and with a neural cache of the last words.

Generation reads one token at a time. `evaluation/perplexity.py` scores whole texts in rows.
"""

from collections.abc import Sequence
from copy import copy
from typing import Self

import numpy as np

from scriptmodel_trainer.model.cache import RecentTokens
from scriptmodel_trainer.model.network_numpy import Network, State
from scriptmodel_trainer.model.trigrams import Trigrams
from scriptmodel_trainer.storage.arrays import SMALLEST, Floats


class LastTokens:
    """The last two tokens of one script, after which the network is mixed with trigrams."""

    def __init__(self, trigrams: Trigrams) -> None:
        self._trigrams = trigrams
        self._last: int | None = None

    def copy(self) -> Self:
        return copy(self)

    def keep(self, token: int, features: Floats) -> None:
        """Read a token of a text that is given."""
        del features
        self._last = token

    def mixed(self, token: int, features: Floats, logits: Floats) -> Floats:
        """Return the logarithms of the mixed probabilities, (V,)."""
        del features
        expected = self._trigrams.distribution(self._last, token)
        self._last = token
        likely = np.exp(logits - logits.max())
        likely /= likely.sum()
        logarithms: Floats = np.log(np.maximum(self._trigrams.mixed(likely, expected), np.float32(SMALLEST)))
        return logarithms


class Mixers:
    """All that is mixed with the network of one script: first the model's trigrams, then its cache.

    `temperature` is that of the sampling from what is returned.
    """

    def __init__(self, network: Network, temperature: float = 1.0) -> None:
        self._mixers: list[LastTokens | RecentTokens] = []
        if network.trigrams:
            self._mixers.append(LastTokens(network.trigrams))
        if network.cache:
            self._mixers.append(RecentTokens(network.cache, network.document, temperature))

    def copy(self) -> Self:
        same = copy(self)
        same._mixers = [mixer.copy() for mixer in self._mixers]
        return same

    def mixed(self, token: int, features: Floats, logits: Floats) -> Floats:
        """Return the logits (V,) of the mixture after `token`, whose `features` are (D,) and `logits` (V,)."""
        for mixer in self._mixers:
            logits = mixer.mixed(token, features, logits)
        return logits

    def keep(self, token: int, features: Floats) -> None:
        """Read a token of a text that is given, after which nothing is predicted."""
        for mixer in self._mixers:
            mixer.keep(token, features)


class Reader:
    """Reads a stream from its start, token by token, and mixes as Mixers does."""

    def __init__(self, network: Network, temperature: float = 1.0) -> None:
        self.network = network
        self.state = network.initial_state()
        self.mixers = Mixers(network, temperature)

    def read(self, *tokens: int) -> Floats:
        """Read some tokens; returns the logits after the last one, (V,)."""
        self.skip(tokens[:-1])
        features = self.network.step(self.state, tokens[-1])
        return self.mixers.mixed(tokens[-1], features, self.network.logits(features))

    def skip(self, tokens: Sequence[int]) -> None:
        """Read tokens, all at once, after which nothing is predicted."""
        if tokens:
            features = self.network.read(self.state, np.array(tokens, np.int32))
            for token, feature in zip(tokens, features, strict=True):
                self.mixers.keep(token, feature)

    def copy(self) -> Self:
        """Return a reader that has read the same and reads on by itself."""
        same = copy(self)
        same.state, same.mixers = State(list(self.state.outputs), list(self.state.cells)), self.mixers.copy()
        return same


def read_together(readers: Sequence[Reader], tokens: Sequence[Sequence[int]]) -> list[Floats]:
    """Read the next tokens of each reader of a network, the last ones in one step; returns the logits after each, (V,).

    A reader alone reads as by itself.
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
    mixed = zip(readers, last, features, logits, strict=True)
    return [reader.mixers.mixed(token, own, predicted) for reader, token, own, predicted in mixed]


def _stacked(parts: Sequence[Sequence[Floats]]) -> list[Floats]:
    """Return the arrays of each layer side by side, (rows, units)."""
    return [np.stack(layer) for layer in zip(*parts, strict=True)]
