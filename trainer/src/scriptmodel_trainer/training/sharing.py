"""The product of the words' n-grams and their vectors in TensorFlow, and its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from scriptmodel_trainer.arrays import Floats
from scriptmodel_trainer.training.spelling import Spelling


def vectors_of_words(spelling: Spelling, ngrams: Any) -> Any:
    """Return the weighted sums (V, E) of the vectors (N, E) of each word's n-grams.

    Compressed sparse rows are five times as fast as `tf.sparse` and add in a fixed order. The product runs on the CPU,
    since a GPU does not add in a fixed order.
    """
    forward = spelling.places, spelling.shares, (spelling.words, spelling.ngrams)
    order = np.lexsort(spelling.places.T)
    backward = spelling.places[order][:, ::-1], spelling.shares[order], (spelling.ngrams, spelling.words)

    @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow ships no types
    def vectors(ngrams: Any) -> Any:
        return _product(*forward, ngrams), lambda upstream: _product(*backward, upstream)

    return vectors(ngrams)


def _product(places: npt.NDArray[np.int64], shares: Floats, shape: tuple[int, int], vectors: Any) -> Any:
    with tf.device("/CPU:0"):
        matrix = tf.raw_ops.SparseTensorToCSRSparseMatrix(indices=places, values=shares, dense_shape=shape)
        return tf.raw_ops.SparseMatrixMatMul(a=matrix, b=vectors)
