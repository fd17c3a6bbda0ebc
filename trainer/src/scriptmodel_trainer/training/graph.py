"""The compiled parts of training: many windows per call, everything on the device, one host sync per call."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from scriptmodel_trainer.evaluation.perplexity import ValidationRows
from scriptmodel_trainer.model.dropout import Dropout
from scriptmodel_trainer.model.network_tensorflow import LanguageModel
from scriptmodel_trainer.training.batches import TrainingRows
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
            losses, after = model.read_and_score(inputs, targets, self.state, model.vectors, dropout, precision)
            mean = tf.reduce_mean(losses)
            # Zaremba's recipe sums over a window's steps; rate and clipping are meant for that.
            objective = mean * steps if model.preset.optimizer == "sgd" else mean
        gradients = tape.gradient(objective, variables)
        self._optimizer.apply(gradients, rate)
        for layer, parts in zip(self.state, after, strict=True):
            for variable, part in zip(layer, parts, strict=True):
                variable.assign(part)
        return mean


class Validation:
    """Mean negative log likelihood of a whole stream."""

    def __init__(self, model: LanguageModel, rows: ValidationRows) -> None:
        self._model, self._rows = model, rows
        self._read = tf.function(self._window, autograph=False)

    def run(self, on_progress: Callable[[], None] = lambda: None) -> float:
        """Return the mean over all counted tokens, in nats; `on_progress` is called after each window."""
        rows, vectors = self._rows, tf.convert_to_tensor(self._model.vectors)
        state, total = self._model.zero_state(len(rows.inputs)), 0.0
        for begin in range(0, rows.inputs.shape[1], rows.steps):
            part = np.s_[:, begin : begin + rows.steps]
            window = (tf.constant(array[part]) for array in (rows.inputs, rows.targets, rows.counted))
            loss, state = self._read(*window, state, vectors)
            total += float(loss)
            on_progress()
        return total / float(rows.counted.sum())

    def _window(self, inputs: Any, targets: Any, counted: Any, state: Any, vectors: Any) -> tuple[Any, Any]:
        losses, after = self._model.read_and_score(inputs, targets, state, vectors)
        return tf.reduce_sum(tf.cast(losses * tf.reshape(counted, (-1,)), tf.float64)), after
