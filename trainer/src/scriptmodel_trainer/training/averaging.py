"""The exponential moving average of the weights (Polyak and Juditsky 1992), which is validated and kept.

Training continues with its own weights, so a run with an average draws the same weights as one without.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from scriptmodel_trainer.training.model import LanguageModel
from scriptmodel_trainer.training.optimizers import descend


class WeightAverage:
    """`model` has the averaged weights: it is the trained model itself where the preset has no `ema_decay`.

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
