"""Learning-rate schedules, weight updates and their average, written out so that a checkpoint holds all state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from scriptmodel_trainer.presets import Preset
from scriptmodel_trainer.training.model import LanguageModel

_BETA1, _EPSILON = 0.9, 1e-8
_FIRST, _FINAL = 1 / 10, 1 / 200  # the rate at both ends, as a share of the highest


def learning_rate(preset: Preset, epoch: int, progress: float) -> float:
    """Return the rate to use in `epoch` (1-based) when `progress` (0 to 1) of the whole run is done.

    step-decay: constant for `full_rate_epochs`, then times `learning_rate_decay` each epoch (Zaremba et al. 2014).
    one-cycle: linear up, cosine down (Smith and Topin 2017).
    """
    if preset.schedule == "step-decay":
        return preset.learning_rate * preset.learning_rate_decay ** max(epoch - preset.full_rate_epochs, 0)
    warm_up = preset.warm_up
    if progress < warm_up:
        return preset.learning_rate * (_FIRST + (1 - _FIRST) * progress / warm_up)
    fall = (progress - warm_up) / (1 - warm_up)
    return preset.learning_rate * (_FINAL + (1 - _FINAL) * 0.5 * (1 + math.cos(math.pi * min(fall, 1.0))))


class Optimizer:
    """Plain SGD or Adam with decoupled weight decay (Loshchilov and Hutter 2019), gradients clipped by global norm."""

    def __init__(self, preset: Preset, variables: Mapping[str, Any]) -> None:
        self._preset = preset
        self._variables = dict(variables)
        self.slots: dict[str, Any] = {}
        if preset.optimizer == "adam":
            for name, variable in self._variables.items():
                for moment in ("first", "second"):
                    self.slots[f"{moment}/{name}"] = tf.Variable(tf.zeros(variable.shape))
            self.slots["steps"] = tf.Variable(0.0)

    def apply(self, gradients: Mapping[str, Any], rate: Any) -> None:
        """One update of all variables; `rate` is a scalar tensor.

        Tables of ten thousand words make each pass over a gradient cost as much as a product of the LSTM, so clipping
        is no pass of its own, and an update is TensorFlow's one operation for it.
        """
        norm = tf.linalg.global_norm(list(gradients.values()))
        most = self._preset.clip_norm
        # As tf.clip_by_global_norm: a norm that is not finite makes all weights NaN, which is how it is noticed.
        clip = tf.where(tf.math.is_finite(norm), most / tf.maximum(norm, most), math.nan)
        if self._preset.optimizer == "sgd":
            for name, gradient in gradients.items():
                descend(self._variables[name], gradient, rate * clip)
            return
        steps = self.slots["steps"].assign_add(1.0)
        for name, gradient in gradients.items():
            self._adam(name, tf.convert_to_tensor(gradient) * clip, rate, steps)

    def _adam(self, name: str, gradient: Any, rate: Any, steps: Any) -> None:
        variable = self._variables[name]
        if self._preset.weight_decay and not name.endswith("bias"):
            variable.assign_sub(rate * self._preset.weight_decay * variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self.slots[f"first/{name}"].handle,
            v=self.slots[f"second/{name}"].handle,
            beta1_power=tf.pow(_BETA1, steps),
            beta2_power=tf.pow(self._preset.adam_beta2, steps),
            lr=rate,
            beta1=_BETA1,
            beta2=self._preset.adam_beta2,
            epsilon=_EPSILON,
            grad=gradient,
        )


def descend(variable: Any, gradient: Any, rate: Any) -> None:
    """Subtract rate times the gradient from a variable, in one operation."""
    if isinstance(gradient, tf.IndexedSlices):  # only the rows of the words that occurred
        variable.scatter_sub(tf.IndexedSlices(gradient.values * rate, gradient.indices))
    else:
        tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=gradient)


class WeightAverage:
    """The exponential moving average of the weights (Polyak and Juditsky 1992), which is validated and kept.

    Training continues with its own weights, so a run with an average draws the same weights as one without. `model` has
    the averaged weights: it is the trained model itself where the preset has no `ema_decay`.
    `slots` are the average's variables, by the names that a checkpoint gives them.
    """

    def __init__(self, trained: LanguageModel) -> None:
        self._decay = trained.preset.ema_decay
        self._trained = trained
        self.model = trained
        self.slots: dict[str, Any] = {}
        if self._decay:
            vocabulary = trained.embedding.shape[0]
            self.model = LanguageModel(trained.preset, vocabulary, 0, trained.document, trained.letter_ngrams)
            self.model.set_weights(trained.weights())
            self.slots = {f"average/{name}": variable for name, variable in self.model.variables.items()}

    def update(self, step: Any) -> None:
        """Move the average towards the trained weights after window `step` of the training (from 0).

        At first the decay is lower, so that the initial weights are soon forgotten: (1 + step) / (10 + step), as
        tf.train.ExponentialMovingAverage has it.
        """
        if not self._decay:
            return
        done = tf.cast(step, tf.float32)
        share = 1.0 - tf.minimum(self._decay, (1.0 + done) / (10.0 + done))
        averages = self.model.variables
        for name, variable in self._trained.variables.items():
            descend(averages[name], averages[name] - variable, share)
