"""Dropout for one training window (Srivastava et al. 2014), outside the LSTM's recurrence (Zaremba et al. 2014).

`variational_dropout` keeps one mask for all steps of a window (Gal and Ghahramani, arXiv:1512.05287), and
`word_dropout` leaves out whole words of the vocabulary wherever they stand in it (the same paper, section 4.2).
"""

from typing import Any

import tensorflow as tf

from scriptmodel_trainer.model.presets import Preset

_WORDS, _OUTPUT = 62, 63  # places of the draws that are not a layer's; a layer's is its number
_PLACES = 64


class Dropout:
    """Draws masks from seed and step alone, so that a resumed run continues with the same masks."""

    def __init__(self, preset: Preset, seed: int, step: Any) -> None:
        self._preset = preset
        self._seed = seed
        self._step = step

    def of_words(self, vectors: Any, inputs: Any, vocabulary: int) -> Any:
        """Word vectors (B, T, E) of the token numbers `inputs` (B, T), those of some words zero."""
        rate = self._preset.word_dropout
        return vectors * tf.gather(self._draw((vocabulary, 1), rate, _WORDS), inputs) if rate else vectors

    def of_units(self, sequence: Any, place: int) -> Any:
        """Word vectors (place 0) or the outputs of a layer (from 1), (B, T, units), some units zero."""
        return self._drop(sequence, self._preset.dropout, place)

    def of_output(self, features: Any) -> Any:
        """Return what the softmax reads, (B, T, D), some units zero."""
        return self._drop(features, self._preset.output_dropout, _OUTPUT)

    def _drop(self, sequence: Any, rate: float, place: int) -> Any:
        if not rate:
            return sequence
        steps = 1 if self._preset.variational_dropout else sequence.shape[1]
        return sequence * self._draw((tf.shape(sequence)[0], steps, sequence.shape[2]), rate, place)

    def _draw(self, shape: tuple[Any, ...], rate: float, place: int) -> Any:
        """0 with probability `rate`, else 1 / (1 - rate), so that the mean stays."""
        keep = 1.0 - rate
        return tf.cast(tf.random.stateless_uniform(shape, self._key(place)) < keep, tf.float32) / keep

    def _key(self, place: int) -> Any:
        return tf.stack([tf.constant(self._seed * _PLACES + place, tf.int32), self._step])
