"""The trained LSTM as plain NumPy: one cell function that both generation and evaluation go through."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scriptmodel_trainer.model.cache import cache_of
from scriptmodel_trainer.model.lstm import halves, read_steps
from scriptmodel_trainer.model.presets import LSTM_WEIGHTS
from scriptmodel_trainer.model.trigrams import Trigrams
from scriptmodel_trainer.storage.arrays import Floats, Ids


@dataclass(frozen=True, slots=True)
class _Layer:
    """Weights of one LSTM layer, the columns of its gates halved by the factors `scale` (4 * units,)."""

    kernel: Floats  # (inputs, 4 * units)
    recurrent: Floats  # (units, 4 * units)
    bias: Floats  # (4 * units,)
    scale: Floats

    def carried(self, output: Floats) -> Floats:
        """Return an output (..., units) times the recurrent weights; few columns are faster than few rows."""
        return (self.recurrent.T @ output.T).T


@dataclass(frozen=True, slots=True)
class _Tail:
    """The tail of an adaptive softmax: words from number `cutoff` on, which are one entry beside the others."""

    cutoff: int
    kernel: Floats  # (D,)
    bias: float


@dataclass(slots=True)
class State:
    """LSTM state: output and cell of each layer, shape (units,) each, or (rows, units) for scripts side by side."""

    outputs: list[Floats]
    cells: list[Floats]


class Network:
    """A trained model that reads token numbers and predicts the next one.

    `weights` are named as in the model directory: `embedding` (V, E), `lstm<i>/kernel`, `lstm<i>/recurrent`,
    `lstm<i>/bias` (gates in Keras' order input, forget, candidate, output), optionally `projection` (H, E),
    `output/kernel` (V, D) unless tied, `output/bias` (V,). The token `document`, if there is one, is read with a state
    of zeros: nothing before it matters.

    `cache` is the cache that was trained with the network, and `trigrams` are those that it is mixed with, if there are
    any: features and logits are those without them. An adaptive softmax has `output/tail` (D,) and `output/tail_bias`,
    and `cutoff` words in its head.
    """

    def __init__(
        self,
        weights: Mapping[str, Floats],
        document: int | None = None,
        trigrams: Trigrams | None = None,
        cutoff: int = 0,
    ) -> None:
        self.document = document
        self.cache = cache_of(weights)
        self.trigrams = trigrams
        self._embedding = weights["embedding"]
        count = sum(1 for name in weights if name.endswith("/recurrent"))
        self._layers = [_layer(*(weights[f"lstm{index}/{name}"] for name in LSTM_WEIGHTS)) for index in range(count)]
        self._projection = weights.get("projection")
        self._output = weights.get("output/kernel", self._embedding)
        self._output_bias = weights["output/bias"]
        tail = weights.get("output/tail")
        self._tail = None if tail is None else _Tail(cutoff, tail, float(weights["output/tail_bias"]))

    @property
    def vocabulary(self) -> int:
        """Number of words V."""
        return len(self._output_bias)

    def initial_state(self, rows: int | None = None) -> State:
        """Return all zeros, as at the start of training, for one script or for `rows` of them."""
        sizes = [len(layer.recurrent) for layer in self._layers]
        zeros = [np.zeros(size if rows is None else (rows, size), np.float32) for size in sizes]
        return State(zeros, list(zeros))  # the lists change, the arrays in them never

    def step(self, state: State, token: int | Ids) -> Floats:
        """Read one token, or one for each row; the state moves on. Returns the features (D,), or (rows, D)."""
        features: Floats = self.read(state, np.asarray([token]))[0]
        return features

    def read(self, state: State, tokens: Ids) -> Floats:
        """Read tokens (T,), or (T, rows), the state moving on through all of them; features of each, (..., D).

        The products that do not depend on the state are done for all tokens at once.
        """
        sequence = self._embedding[tokens]
        kept = np.not_equal(tokens, -1 if self.document is None else self.document)
        for index, layer in enumerate(self._layers):
            sums = _product(sequence, layer.kernel) + layer.bias
            masks = (None if mask.all() else mask[..., np.newaxis] for mask in kept)  # some where a document starts
            outputs, state.outputs[index], state.cells[index] = read_steps(
                np, zip(sums, masks, strict=True), layer.carried, state.outputs[index], state.cells[index], layer.scale
            )
            sequence = np.stack(outputs)
        return sequence if self._projection is None else _product(sequence, self._projection)

    def logits_of_rows(self, features: Floats) -> Floats:
        """Return the logits of scripts side by side, (rows, D) to (rows, V); for a few rows faster than `logits`."""
        logits = np.ascontiguousarray((self._output @ features.T).T)
        return self._with_tail(logits, features)

    def logits(self, features: Floats) -> Floats:
        """Unnormalised log probabilities of the next token: (D,) to (V,), or (T, D) to (T, V)."""
        logits: Floats = self._output @ features if features.ndim == 1 else features @ self._output.T
        return self._with_tail(logits, features)

    def log_probabilities(self, features: Floats, targets: Ids) -> Floats:
        """Return the log probability of each of some tokens (T,) after features (T, D).

        With an adaptive softmax it takes the head alone, and the tail for the rare tokens.
        """
        cutoff = self._tail.cutoff if self._tail else self.vocabulary
        logits = features @ self._output[:cutoff].T + self._output_bias[:cutoff]
        if self._tail:
            logits = np.column_stack([logits, features @ self._tail.kernel + np.float32(self._tail.bias)])
        found: Floats = log_softmax(logits)[np.arange(len(targets)), np.minimum(targets, cutoff)]
        rare = targets >= cutoff
        if rare.any():
            logits = features[rare] @ self._output[cutoff:].T + self._output_bias[cutoff:]
            found[rare] += log_softmax(logits)[np.arange(len(logits)), targets[rare] - cutoff]
        return found

    def _with_tail(self, logits: Floats, features: Floats) -> Floats:
        """Add the biases to products (..., V), and share the tail's probability among its words."""
        logits += self._output_bias
        if self._tail:
            rare = logits[..., self._tail.cutoff :]
            highest = rare.max(axis=-1, keepdims=True)
            total = highest + np.log(np.exp(rare - highest).sum(axis=-1, keepdims=True))
            rare += (features @ self._tail.kernel + self._tail.bias)[..., np.newaxis] - total
        return logits


def log_softmax(logits: Floats) -> Floats:
    """Return the logarithms of the softmax of logits (..., N)."""
    logits = logits - logits.max(axis=-1, keepdims=True)
    logits -= np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return logits


def _product(sequence: Floats, matrix: Floats) -> Floats:
    """Return a sequence (..., N) times a matrix (N, M), as one product."""
    product: Floats = (sequence.reshape(-1, len(matrix)) @ matrix).reshape(*sequence.shape[:-1], -1)
    return product


def _layer(kernel: Floats, recurrent: Floats, bias: Floats) -> _Layer:
    scale = halves(len(recurrent))
    kernel, recurrent, bias = (np.ascontiguousarray(array * scale, np.float32) for array in (kernel, recurrent, bias))
    return _Layer(kernel, recurrent, bias, scale)
