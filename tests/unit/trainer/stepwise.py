"""Scores a text as `evaluate` does, and one token at a time, as a script is written."""

from typing import Any

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.evaluation.perplexity import scored
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.readers import Reader
from scriptmodel_trainer.storage.arrays import Ids


def negative_log_likelihoods(network: Network, stream: Ids, first: int, **report: Any) -> npt.NDArray[np.float64]:
    """-ln p of each token given all before it, many tokens at once."""
    return scored(network, stream, first, **report).losses(network.trigrams)


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
