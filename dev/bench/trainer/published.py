"""The published `small` recipe as plain Keras runs it: Keras' layers, Keras' loss, SGD with clipping by global norm."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from scriptmodel_trainer.model.presets import preset_named
from scriptmodel_trainer.training.batches import cut_for_training
from scriptmodel_trainer.training.optimizers import learning_rate

Ids = npt.NDArray[np.int32]
Clock = Callable[[], float]


class PublishedRecipe:
    """Embedding, two stateful LSTM layers, Dense; sparse softmax cross-entropy summed over a window's steps."""

    def __init__(self, train: Ids, valid: Ids, vocabulary: int, seed: int, clock: Clock) -> None:
        keras.utils.set_random_seed(seed)
        self.preset = preset = preset_named("small")
        self._rows = cut_for_training(train, preset.batch_size, preset.steps, 0)
        self._valid = valid
        self._clock = clock
        self._epoch = 0
        uniform = keras.initializers.RandomUniform(-preset.initial_range, preset.initial_range)
        options = {
            "return_sequences": True,
            "kernel_initializer": uniform,
            "recurrent_initializer": uniform,
            "unit_forget_bias": False,
        }
        self._reader, self._scorer = (
            keras.Sequential(
                [
                    keras.Input(batch_shape=(rows, None), dtype="int32"),
                    keras.layers.Embedding(vocabulary, preset.hidden_units, embeddings_initializer=uniform),
                    keras.layers.LSTM(preset.hidden_units, stateful=True, **options),
                    keras.layers.LSTM(preset.hidden_units, stateful=True, **options),
                    keras.layers.Dense(vocabulary, kernel_initializer=uniform, bias_initializer=uniform),
                ]
            )
            for rows in (len(self._rows.tokens), 1)
        )
        self._optimizer = keras.optimizers.SGD(1.0, global_clipnorm=preset.clip_norm)
        self._loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self._step = tf.function(self._train_window, reduce_retracing=True)
        self._score = tf.function(self._losses, reduce_retracing=True)
        self._step(tf.constant(self._rows.tokens[:, : preset.steps + 1]), tf.constant(0.0))  # compiled before the clock

    @property
    def epochs(self) -> int:
        """The number of weights of the recipe."""
        return self.preset.epochs

    def epoch(self) -> tuple[float, float]:
        """One pass over the text, then validation; returns the seconds of the pass and the validation perplexity."""
        self._epoch += 1
        self._forget(self._reader)
        rate = tf.constant(learning_rate(self.preset, self._epoch, 0.0))
        began = self._clock()
        for window in range(self._rows.windows):
            begin = window * self._rows.steps
            loss = self._step(tf.constant(self._rows.tokens[:, begin : begin + self._rows.steps + 1]), rate)
        loss.numpy()
        taken = self._clock() - began
        return taken, self._validate()

    def _train_window(self, tokens: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = self._reader(tokens[:, :-1], training=True)
            loss = self._loss(tokens[:, 1:], logits) * self._rows.steps
        weights = self._reader.trainable_variables
        self._optimizer.learning_rate.assign(rate)
        self._optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss

    def _validate(self) -> float:
        for mine, theirs in zip(self._scorer.trainable_variables, self._reader.trainable_variables, strict=True):
            mine.assign(theirs)
        self._forget(self._scorer)
        inputs = np.concatenate([[0], self._valid[:-1]]).astype(np.int32)
        total = 0.0
        for begin in range(0, len(inputs), 200):
            part = slice(begin, begin + 200)
            total += float(self._score(tf.constant(inputs[None, part]), tf.constant(self._valid[None, part])))
        return float(np.exp(total / len(inputs)))

    def _losses(self, inputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        logits = self._scorer(inputs, training=False)
        return tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=logits))

    @staticmethod
    def _forget(model: keras.Model) -> None:
        for layer in model.layers:
            if isinstance(layer, keras.layers.LSTM):
                layer.reset_states()
