"""Scores a stream on the training device as if it were read from first to last token, but in rows side by side.

The stream is cut into rows. A row has to start with the state in which the row before it ends, which is not known at
first. So all rows are read from zeros, then again from the states that the rows before them ended in, until these no
longer change. An LSTM forgets, so that takes two or three readings; after as many as there are rows it is certain. A
trained cache is part of the state.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from scriptmodel_trainer.arrays import SMALLEST, Floats, Ids
from scriptmodel_trainer.presets import Preset
from scriptmodel_trainer.training.model import LanguageModel
from scriptmodel_trainer.trigrams import Trigrams, fitted_share

_ROWS = 32
_STEPS = 50
_LEAST = 4  # windows of a row
_SAME = 1e-6  # of each number of a state
_PASSES = 2  # that find the starts of rows, most often
_Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scored:
    """A stream of T tokens after `first`, and the network's -ln p in nats of each, (T,).

    A trained cache copies a token with the probability `copied` (T,) and leaves the share `kept` (T,) to the network.
    """

    stream: Ids
    first: int
    network: _Numbers
    kept: _Numbers
    copied: _Numbers

    def fitted(self, trigrams: Trigrams) -> Trigrams:
        """Return trigrams with the share that makes the stream most probable."""
        likely, expected = np.exp(-self.network), trigrams.probabilities(self.stream, self.first)
        return dataclasses.replace(trigrams, share=fitted_share(likely, expected, self.kept, self.copied))

    def losses(self, trigrams: Trigrams | None = None) -> _Numbers:
        """Return -ln p of each token in nats under the mixture with cache and trigrams, as far as there are any."""
        if trigrams is None and (self.kept == 1).all():
            return self.network
        if trigrams:
            return trigrams.losses(self.network, self.stream, self.first, self.kept, self.copied)
        losses: _Numbers = -np.log(np.maximum(self.kept * np.exp(-self.network) + self.copied, SMALLEST))
        return losses


def scored(
    preset: Preset,
    weights: Mapping[str, Floats],
    stream: Ids,
    first: int,
    on_progress: Callable[[float], None] = lambda _: None,
    document: int | None = None,
) -> Scored:
    """Score each token given all before it; the first is predicted after `first` (`<eos>`).

    `on_progress` is called with the share that is scored; `document` is the token that clears the state, if there is
    one. The stream must not be empty.
    """
    model = LanguageModel(preset, len(weights["output/bias"]), seed=0, document=document)
    model.set_weights(weights)
    return _Rows(model, stream, first).scored(on_progress)


class _Rows:
    """The stream in rows of whole windows; the last row is filled up with tokens that do not count."""

    def __init__(self, model: LanguageModel, stream: Ids, first: int) -> None:
        steps = min(_STEPS, len(stream))
        windows = -(-len(stream) // steps)
        self._windows = max(-(-windows // _ROWS), min(_LEAST, windows))
        rows = -(-windows // self._windows)
        self._before = min(_PASSES, rows - 1) * self._windows  # windows that are read before the first is scored
        inputs = np.zeros(rows * self._windows * steps, np.int32)
        targets = np.zeros_like(inputs)
        inputs[0], inputs[1 : len(stream)], targets[: len(stream)] = first, stream[:-1], stream
        self._model, self._stream, self._first, self._rows, self._steps = model, stream, first, rows, steps
        self._tokens = tf.constant(np.stack([inputs, targets]).reshape(2, rows, -1))
        self._state = [[tf.Variable(part) for part in layer] for layer in model.zero_state(rows)]
        self._read = tf.function(self._read_window, input_signature=[tf.TensorSpec((), tf.int32)], autograph=False)
        self._score = tf.function(self._losses_of, autograph=False)

    def scored(self, on_progress: Callable[[float], None]) -> Scored:
        """Score each token of the stream."""
        starts = self._starts(on_progress)
        self._begin(starts)
        windows = []
        for window in range(self._windows):
            begin = window * self._steps
            features, recalled = self._read(tf.constant(window))
            losses = self._score(features, self._tokens[1, :, begin : begin + self._steps])
            recalled = recalled or [tf.ones_like(losses), tf.zeros_like(losses)]
            windows.append([part.numpy() for part in (losses, *recalled)])
            on_progress(self._share(self._before + window + 1))
        parts = [np.concatenate(part, axis=1).reshape(-1) for part in zip(*windows, strict=True)]
        return Scored(self._stream, self._first, *(part[: len(self._stream)].astype(np.float64) for part in parts))

    def _share(self, windows: int) -> float:
        """Return the share of the work that is done after so many windows."""
        return windows / (self._before + self._windows)

    def _starts(self, on_progress: Callable[[float], None]) -> list[list[Floats]]:
        """Return the state in which each row starts: that in which the row before it ends."""
        starts = [[np.zeros(part.shape, np.float32) for part in layer] for layer in self._state]
        for number in range(self._rows - 1):
            self._begin(starts)
            for window in range(self._windows):
                self._read(tf.constant(window))
                on_progress(self._share(min(number * self._windows + window + 1, self._before)))
            ends = [[part.numpy() for part in layer] for layer in self._state]
            found = [[np.concatenate([np.zeros_like(end[:1]), end[:-1]]) for end in layer] for layer in ends]
            change = max(_change(*pair) for pair in zip(_flat(found), _flat(starts), strict=True))
            starts = found
            if change <= _SAME:
                break
        return starts

    def _begin(self, starts: list[list[Floats]]) -> None:
        for variable, start in zip(_flat(self._state), _flat(starts), strict=True):
            variable.assign(start)

    def _read_window(self, window: Any) -> Any:
        """Read a window of all rows; return its features, and what the cache recalls if there is one."""
        begin = window * self._steps
        inputs, targets = tf.unstack(self._tokens[:, :, begin : begin + self._steps])
        inputs = tf.ensure_shape(inputs, (self._rows, self._steps))
        features, after = self._model.features(inputs, self._state)
        recalled = []
        if self._model.cache:
            *recalled, cache = self._model.recall(features, inputs, targets, self._state)
            after.append(cache)
        for variable, part in zip(_flat(self._state), _flat(after), strict=True):
            variable.assign(part)
        return features, recalled

    def _losses_of(self, features: Any, targets: Any) -> Any:
        """Return the network's losses of a window of all rows, (rows, steps)."""
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=tf.reshape(targets, (-1,)),
            logits=self._model.logits(tf.reshape(features, (-1, features.shape[-1]))),
        )
        return tf.reshape(losses, (self._rows, self._steps))


def _flat(layers: list[list[Any]]) -> list[Any]:
    return [part for layer in layers for part in layer]


def _change(now: Floats, before: Floats) -> float:
    return float(np.abs(now - before).max(initial=0.0))
