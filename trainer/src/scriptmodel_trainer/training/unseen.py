"""Tokens that training never read: letters and bytes of an open vocabulary."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scriptmodel_trainer.arrays import Floats, Ids


def without_unseen(weights: Mapping[str, Floats], train: Ids, base: Floats | None = None) -> dict[str, Floats]:
    """Return the weights with zero vectors for the tokens that the training split does not have.

    `base` holds the vectors of the model that training started from; what that model has read is kept.

    Where word vectors are tied, training only pushes such a vector away from whatever it predicts. Read as an input
    such a vector can derail the network for thousands of tokens; a zero vector is what dropout has it used to. Such a
    token is as improbable as the least probable one that training has read.
    """
    unseen = np.bincount(train, minlength=len(weights["output/bias"])) == 0
    if base is not None:
        unseen[: len(base)] &= ~base.any(axis=1)
    embedding, bias = weights["embedding"].copy(), weights["output/bias"].copy()
    embedding[unseen] = 0
    bias[unseen] = np.minimum(bias[unseen], bias[~unseen].min())
    return {**weights, "embedding": embedding, "output/bias": bias}
