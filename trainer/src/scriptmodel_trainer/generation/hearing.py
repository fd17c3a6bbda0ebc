"""What a network has heard of a scene, and how likely it finds what could follow: many texts side by side."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.model.cache import directions, mixed
from scriptmodel_trainer.model.network_numpy import Network, State, log_softmax
from scriptmodel_trainer.storage.arrays import Floats, Ids

_RECENT = 60  # tokens whose next words are the topic
_ECHO, _ECHOED = 0.3, 500  # share of the scene's own words in it; of the last so many, without a cache
_SIDE_BY_SIDE = 64


class Heard:
    """The state of a network that has read some tokens, and the features after the last of them."""

    def __init__(self, network: Network, ids: Ids) -> None:
        self._network, self._state = network, network.initial_state()
        self._features, self._tokens = np.zeros((0, 0), np.float32), ids[:0]
        self.read(ids)

    def read(self, ids: Ids) -> None:
        """Read more tokens."""
        features = self._network.read(self._state, ids)
        before = self._features.reshape(-1, features.shape[1])
        # Of a cache, as it was trained: the token that each of the features is before is the next one.
        remembered = 1 + (self._network.cache.window if self._network.cache else _ECHOED)
        self._features = np.concatenate([before, features])[-remembered:]
        self._tokens = np.concatenate([self._tokens, ids])[-remembered:]

    def next_after(self, ids: Ids) -> Floats:
        """Return the log probability of each token of the vocabulary after some more tokens, (V,)."""
        return log_softmax(self._network.logits(self._network.read(_copied(self._state), ids)[-1]))

    def topic(self) -> Floats:
        """Return the log probability of each token of the vocabulary among the next words of the last tokens, (V,)."""
        shares = np.exp(log_softmax(self._network.logits(self._features[-_RECENT:]))).mean(axis=0)
        echo = np.bincount(self._tokens, minlength=len(shares)) / len(self._tokens)
        topic: Floats = np.log(np.maximum((1 - _ECHO) * shares + _ECHO * echo, 1e-9)).astype(np.float32)
        return topic

    def sums(self, cue: Ids, texts: Sequence[Ids], counted: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """Return the log probability of each text after a cue: the sum over those tokens (V,) that are `counted`."""
        found = np.zeros(len(texts))
        before = _copied(self._state)
        self._network.read(before, cue[:-1])
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        for begin in range(0, len(order), _SIDE_BY_SIDE):
            chunk = order[begin : begin + _SIDE_BY_SIDE]
            sizes = np.array([len(texts[number]) for number in chunk])
            tokens = np.full((sizes.max() + 1, len(chunk)), cue[-1], np.int32)
            for row, number in enumerate(chunk):
                tokens[1 : sizes[row] + 1, row] = texts[number]
            features = self._network.read(repeated(before, len(chunk)), tokens[:-1])
            said = np.arange(len(features))[:, np.newaxis] < sizes
            likely = self._likely(features[said], tokens[1:][said]) * counted[tokens[1:][said]]
            found[chunk] = np.bincount(np.nonzero(said)[1], likely, len(chunk))
        return found

    def _likely(self, features: Floats, targets: Ids) -> Floats:
        """Return log probabilities (T,) of tokens after features (T, D); a trained cache takes part, as it holds."""
        likely = self._network.log_probabilities(features, targets)
        cache, held = self._network.cache, self._tokens[1:]
        if not cache or not len(held):
            return likely
        cosines = directions(np, features) @ directions(np, self._features[:-1]).T
        copies, kept = cache.copies(np, features, cosines, np.arange(len(held) - 1, -1, -1))
        copied = (copies * (held == targets[:, np.newaxis])).sum(axis=1)
        losses: Floats = mixed(np, np.exp(likely), kept, copied)
        return -losses


def repeated(state: State, rows: int) -> State:
    """Return the state of a script for so many rows."""
    return State(*([np.repeat(part[np.newaxis], rows, 0) for part in parts] for parts in (state.outputs, state.cells)))


def _copied(state: State) -> State:
    return State(list(state.outputs), list(state.cells))  # reading replaces the arrays
