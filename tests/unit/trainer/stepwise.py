"""Scores a text one token at a time, as a script is written."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.arrays import Ids
from scriptmodel_trainer.generation.readers import Reader


def stepwise_negative_log_likelihoods(reader: Reader, stream: Ids, first: int) -> npt.NDArray[np.float64]:
    """-ln p of each token given all before it, by a reader, one token at a time, as a script is written."""
    result = np.empty(len(stream), np.float64)
    token = first
    for index, target in enumerate(stream.tolist()):
        logits = reader.read(token).astype(np.float64)
        highest = logits.max()
        result[index] = np.log(np.exp(logits - highest).sum()) + highest - logits[target]
        token = target
    return result
