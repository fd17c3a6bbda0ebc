"""The compiled parts of training: many windows per call, everything on the device, one host sync per call."""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from scriptmodel_trainer.model.dropout import Dropout
from scriptmodel_trainer.model.network_tensorflow import LanguageModel
from scriptmodel_trainer.training.batches import TrainingRows, ValidationRows
from scriptmodel_trainer.training.optimizers import Optimizer


def _for_each(first: Any, end: Any, compute: Callable[[Any], None]) -> None:
    """Compute something for each number from `first` to `end` - 1, in a loop of the graph.

    TensorFlow would rewrite a Python loop to the same, but to load and to run what rewrites it costs each start of a
    training some tenths of a second.
    """

    def body(index: Any) -> tuple[Any]:
        compute(index)
        return (index + 1,)

    tf.while_loop(lambda index: index < end, body, (tf.convert_to_tensor(first),))


class Pace:
    """Chooses how many windows a call of the graph computes, so that it takes half a second and signals are handled."""

    SECONDS = 0.5

    def __init__(self) -> None:
        self.count = 1
        self.took = 0.0

    @contextlib.contextmanager
    def of(self, count: int) -> Iterator[None]:
        """Time a call of `count` windows; the count grows slowly (the first call also compiles) and shrinks at once."""
        started = time.monotonic()
        yield
        self.took = time.monotonic() - started
        target = int(count * self.SECONDS / max(self.took, 1e-6))
        self.count = max(1, min(target, self.count * 4, 2000))


class TrainingGraph:
    """Runs training windows one after another, the LSTM state carried in variables."""

    def __init__(
        self,
        model: LanguageModel,
        optimizer: Optimizer,
        rows: TrainingRows,
        seed: int,
    ) -> None:
        self._model = model
        self._optimizer = optimizer
        self._rows = rows
        self._seed = seed
        self._tokens = tf.constant(rows.tokens)
        zeros = model.zero_state(len(rows.tokens))
        self.state = [[tf.Variable(part) for part in layer] for layer in zeros]
        self._loss = tf.Variable(tf.zeros((), tf.float64))
        self._run = tf.function(
            self._windows,
            input_signature=[
                tf.TensorSpec((), tf.int32),
                tf.TensorSpec((), tf.int32),
                tf.TensorSpec((None,), tf.float32),
            ],
            autograph=False,
        )

    def reset_state(self) -> None:
        """Set the LSTM state to zeros, as at the start of an epoch."""
        for layer in self.state:
            for part in layer:
                part.assign(tf.zeros_like(part))

    def run(self, window: int, step: int, rates: Sequence[float]) -> float:
        """Train on len(rates) windows from `window`; `step` counts windows since training started.

        Returns the sum over these windows of the mean loss per token, in nats.
        """
        self._loss.assign(0.0)
        self._run(tf.constant(window, tf.int32), tf.constant(step, tf.int32), tf.constant(rates, tf.float32))
        return float(self._loss.numpy())

    def _windows(self, window: Any, step: Any, rates: Any) -> None:
        _for_each(0, tf.shape(rates)[0], lambda index: self._window(window + index, step + index, rates[index]))

    def _window(self, window: Any, step: Any, rate: Any) -> None:
        begin = window * self._rows.steps
        loss = self._train(self._tokens[:, begin : begin + self._rows.steps + 1], step, rate)
        self._loss.assign_add(tf.cast(loss, tf.float64))

    def _train(self, tokens: Any, step: Any, rate: Any) -> Any:
        steps = self._rows.steps
        model, precision = self._model, self._model.preset.precision
        variables = model.variables
        dropout = Dropout(model.preset, self._seed, step)
        inputs, targets = tf.ensure_shape(tokens[:, :-1], (None, steps)), tokens[:, 1:]
        with tf.GradientTape() as tape:
            vectors = model.vectors
            features, after = model.features(inputs, self.state, dropout, precision, vectors)
            flat = tf.reshape(dropout.of_output(features), (-1, features.shape[-1]))
            losses = model.losses(flat, tf.reshape(targets, (-1,)), vectors, precision)
            losses, cache = model.with_cache(losses, features, inputs, targets, self.state)
            mean = tf.reduce_mean(losses)
            # Zaremba's recipe sums over a window's steps; rate and clipping are meant for that.
            objective = mean * steps if model.preset.optimizer == "sgd" else mean
        gradients = tape.gradient(objective, variables)
        self._optimizer.apply(gradients, rate)
        for layer, parts in zip(self.state, after + cache, strict=True):
            for variable, part in zip(layer, parts, strict=True):
                variable.assign(part)
        return mean


class ValidationGraph:
    """Mean negative log likelihood of a whole stream."""

    def __init__(self, model: LanguageModel, rows: ValidationRows) -> None:
        self._model = model
        self._rows = rows
        self._tokens = tf.constant(np.stack([rows.inputs, rows.targets]))
        self._counted = tf.constant(rows.counted)
        self._state = [[tf.Variable(part) for part in layer] for layer in model.zero_state(len(rows.inputs))]
        self._total = tf.Variable(tf.zeros((), tf.float64))
        self._run = tf.function(self._windows, input_signature=[tf.TensorSpec((), tf.int32)] * 2, autograph=False)

    def run(self, on_progress: Callable[[], None] = lambda: None) -> float:
        """Return the mean over all counted tokens, in nats; `on_progress` is called after each call of the graph."""
        for part in (self._total, *itertools.chain.from_iterable(self._state)):
            part.assign(tf.zeros_like(part))
        pace, window = Pace(), 0
        while window < self._rows.windows:
            count = min(pace.count, self._rows.windows - window)
            with pace.of(count):
                self._run(tf.constant(window), tf.constant(window + count))
                window += count
                total = float(self._total.numpy())
            on_progress()
        return total / float(self._rows.counted.sum())

    def _windows(self, first: Any, end: Any) -> None:
        vectors = self._model.vectors
        _for_each(first, end, lambda window: self._window(window, vectors))

    def _window(self, window: Any, vectors: Any) -> None:
        steps = self._rows.steps
        begin = window * steps
        tokens = self._tokens[:, :, begin : begin + steps]
        inputs = tf.ensure_shape(tokens[0], (None, steps))
        features, after = self._model.features(inputs, self._state, vectors=vectors)
        flat = tf.reshape(features, (-1, features.shape[-1]))
        losses = self._model.losses(flat, tf.reshape(tokens[1], (-1,)), vectors)
        losses, cache = self._model.with_cache(losses, features, inputs, tokens[1], self._state)
        counted = tf.reshape(self._counted[:, begin : begin + steps], (-1,))
        self._total.assign_add(tf.cast(tf.reduce_sum(losses * counted), tf.float64))
        for layer, parts in zip(self._state, after + cache, strict=True):
            for variable, part in zip(layer, parts, strict=True):
                variable.assign(part)
