"""Learning-rate schedules and weight updates, written out so that a checkpoint holds all state."""

import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from scriptmodel_trainer.model.presets import Preset

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8
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
    """Plain SGD or Adam, gradients clipped by global norm."""

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
                _descend(self._variables[name], gradient, rate * clip)
            return
        steps = self.slots["steps"].assign_add(1.0)
        for name, gradient in gradients.items():
            self._adam(name, tf.convert_to_tensor(gradient) * clip, rate, steps)

    def _adam(self, name: str, gradient: Any, rate: Any, steps: Any) -> None:
        variable = self._variables[name]
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self.slots[f"first/{name}"].handle,
            v=self.slots[f"second/{name}"].handle,
            beta1_power=tf.pow(_BETA1, steps),
            beta2_power=tf.pow(_BETA2, steps),
            lr=rate,
            beta1=_BETA1,
            beta2=_BETA2,
            epsilon=_EPSILON,
            grad=gradient,
        )


def _descend(variable: Any, gradient: Any, rate: Any) -> None:
    """Subtract rate times the gradient from a variable, in one operation."""
    if isinstance(gradient, tf.IndexedSlices):  # only the rows of the words that occurred
        variable.scatter_sub(tf.IndexedSlices(gradient.values * rate, gradient.indices))
    else:
        tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=gradient)
