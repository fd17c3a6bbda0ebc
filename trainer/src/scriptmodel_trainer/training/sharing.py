"""The product of the words' n-grams and their vectors in TensorFlow, and its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from scriptmodel_trainer.arrays import Floats
from scriptmodel_trainer.training.letter_ngrams import LetterNgrams


def vectors_of_words(letter_ngrams: LetterNgrams, ngrams: Any) -> Any:
    """Return the weighted sums (V, E) of the vectors (N, E) of each word's n-grams.

    Compressed sparse rows are five times as fast as `tf.sparse` and add in a fixed order. The product runs on the CPU,
    since a GPU does not add in a fixed order.
    """
    forward = letter_ngrams.places, letter_ngrams.shares, (letter_ngrams.words, letter_ngrams.ngrams)
    order = np.lexsort(letter_ngrams.places.T)
    backward = (
        letter_ngrams.places[order][:, ::-1],
        letter_ngrams.shares[order],
        (letter_ngrams.ngrams, letter_ngrams.words),
    )

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow ships no types
    def vectors(ngrams: Any) -> Any:
        return _product(*forward, ngrams), lambda upstream: _product(*backward, upstream)

    return vectors(ngrams)


def _product(places: npt.NDArray[np.int64], shares: Floats, shape: tuple[int, int], vectors: Any) -> Any:
    with tf.device("/CPU:0"):
        matrix = tf.raw_ops.SparseTensorToCSRSparseMatrix(indices=places, values=shares, dense_shape=shape)
        return tf.raw_ops.SparseMatrixMatMul(a=matrix, b=vectors)
