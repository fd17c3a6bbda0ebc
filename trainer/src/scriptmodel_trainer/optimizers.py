"""Learning-rate schedules and weight updates, written out so that a checkpoint holds all of their state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from scriptmodel_trainer.presets import Preset

_BETA1, _EPSILON = 0.9, 1e-8
_WARMUP = 0.2  # share of one-cycle's steps that raise the rate
_FIRST, _FINAL = 1 / 10, 1 / 200  # the rate at both ends, as a share of the highest


def learning_rate(preset: Preset, epoch: int, progress: float) -> float:
    """The rate to use in `epoch` (1-based) when `progress` (0 to 1) of the whole run is done.

    step-decay: constant for `full_rate_epochs`, then times `learning_rate_decay` each epoch (Zaremba et al. 2014).
    one-cycle: linear up, cosine down (Smith and Topin 2017).
    """
    if preset.schedule == "step-decay":
        return preset.learning_rate * preset.learning_rate_decay ** max(epoch - preset.full_rate_epochs, 0)
    if progress < _WARMUP:
        return preset.learning_rate * (_FIRST + (1 - _FIRST) * progress / _WARMUP)
    fall = (progress - _WARMUP) / (1 - _WARMUP)
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
        """One update of all variables; `rate` is a scalar tensor."""
        names = list(gradients)
        clipped, _ = tf.clip_by_global_norm([gradients[name] for name in names], self._preset.clip_norm)
        if self._preset.optimizer == "sgd":
            for name, gradient in zip(names, clipped, strict=True):
                _descend(self._variables[name], gradient, rate)
            return
        steps = self.slots["steps"].assign_add(1.0)
        scale = rate * tf.sqrt(1.0 - tf.pow(self._preset.adam_beta2, steps)) / (1.0 - tf.pow(_BETA1, steps))
        for name, gradient in zip(names, clipped, strict=True):
            self._adam(name, tf.convert_to_tensor(gradient), rate, scale)

    def _adam(self, name: str, gradient: Any, rate: Any, scale: Any) -> None:
        variable = self._variables[name]
        first = self.slots[f"first/{name}"]
        second = self.slots[f"second/{name}"]
        first.assign_add((1 - _BETA1) * (gradient - first))
        second.assign_add((1 - self._preset.adam_beta2) * (tf.square(gradient) - second))
        change = scale * first / (tf.sqrt(second) + _EPSILON)
        if self._preset.weight_decay and not name.endswith("bias"):
            change += rate * self._preset.weight_decay * variable
        variable.assign_sub(change)


def _descend(variable: Any, gradient: Any, rate: Any) -> None:
    if isinstance(gradient, tf.IndexedSlices):  # only the rows of the words that occurred
        variable.scatter_sub(tf.IndexedSlices(gradient.values * rate, gradient.indices))
    else:
        variable.assign_sub(gradient * rate)
