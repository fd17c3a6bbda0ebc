"""Choosing the next token from logits: temperature, top-k, top-p, and a penalty on recent words."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.errors import BadInputError

Floats = npt.NDArray[np.float32]
_COLD = 1e-6  # below, a choice is always the likeliest


@dataclass(frozen=True, slots=True)
class Sampling:
    """How bold the choice is. temperature 0 always takes the likeliest; top_k 0 and top_p 1 cut nothing off.

    `repetition_penalty` divides the probability of each word that was among the last words by that factor, once for
    each time it occurred; markers, punctuation and the commonest words are spared, so the structure does not suffer.
    """

    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 0.95
    repetition_penalty: float = 1.2

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and 0 <= self.temperature <= 10):
            raise BadInputError(f"temperature {self.temperature:g} must lie between 0 and 10")
        if not 0 < self.top_p <= 1:
            raise BadInputError(f"top-p {self.top_p:g} must be more than 0 and at most 1")
        if self.top_k < 0:
            raise BadInputError(f"top-k {self.top_k} must not be negative")
        if not (math.isfinite(self.repetition_penalty) and 1 <= self.repetition_penalty <= 100):
            raise BadInputError(f"repetition penalty {self.repetition_penalty:g} must lie between 1 and 100")


def choose(logits: Floats, sampling: Sampling, random: np.random.Generator) -> int:
    """The number of the chosen token; a logit of minus infinity is never chosen. At least one must be finite."""
    if sampling.temperature < _COLD:
        return int(np.argmax(logits))
    with np.errstate(over="ignore"):  # at a temperature of nearly zero all but the likeliest go to minus infinity
        weights = np.exp((logits - logits.max()) / np.float32(sampling.temperature))
    if 0 < sampling.top_k < len(logits):
        weights[np.argpartition(logits, -sampling.top_k)[: -sampling.top_k]] = 0
    if sampling.top_p < 1:
        weights[weights < _least_in_nucleus(weights, sampling.top_p)] = 0
    covered = np.cumsum(weights, dtype=np.float64)
    point = min(random.random() * covered[-1], np.nextafter(covered[-1], 0))  # a product may be rounded up
    return int(np.searchsorted(covered, point, side="right"))


def _least_in_nucleus(weights: Floats, share: float) -> np.float32:
    """The smallest weight among the largest that hold `share` of the whole (Holtzman et al. 2020, arXiv:1904.09751).

    Sorting the weights alone is several times faster than sorting the words by them, and nothing else asks their order.
    """
    falling = np.sort(weights)[::-1]
    covered = np.cumsum(falling, dtype=np.float64)
    least: np.float32 = falling[np.searchsorted(covered, share * covered[-1])]
    return least
