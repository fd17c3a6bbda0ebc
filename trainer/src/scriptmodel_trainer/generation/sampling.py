"""Choosing the next token from logits: temperature, top-k, top-p, and a penalty on recent words."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.errors import BadInputError

Floats = npt.NDArray[np.float32]
_CANDIDATES = 256
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
    order = _leading(logits, sampling)
    leading = logits[order].astype(np.float64)
    with np.errstate(over="ignore"):  # at a temperature of nearly zero all but the likeliest go to minus infinity
        weights = np.exp((leading - leading[0]) / sampling.temperature)
    total = weights.sum()
    if sampling.top_p < 1:
        covered = np.cumsum(weights)
        keep = int(np.searchsorted(covered, sampling.top_p * total)) + 1
        weights = weights[:keep]
        total = weights.sum()
    point = random.random() * total
    index = int(np.searchsorted(np.cumsum(weights), point, side="right"))
    return int(order[min(index, len(weights) - 1)])


def _leading(logits: Floats, sampling: Sampling) -> npt.NDArray[np.int64]:
    """Numbers of the tokens that can be chosen, likeliest first.

    Sorting the whole vocabulary would take longer than the network's step, so the few hundred likeliest are sorted
    first; they are enough if they hold top_p of the probability.
    """
    size = len(logits)
    if 0 < sampling.top_k < size:
        return _sorted_top(logits, sampling.top_k)
    if sampling.top_p < 1 and size > 4 * _CANDIDATES:
        top = _sorted_top(logits, _CANDIDATES)
        with np.errstate(over="ignore"):
            weights = np.exp((logits - logits[top[0]]) / np.float32(sampling.temperature))
        if weights[top].sum() >= sampling.top_p * weights.sum():
            return top
    return _sorted_top(logits, size)


def _sorted_top(logits: Floats, count: int) -> npt.NDArray[np.int64]:
    top = np.argpartition(logits, -count)[-count:] if count < len(logits) else np.arange(len(logits))
    top = top[np.isfinite(logits[top])]
    return top[np.argsort(-logits[top], kind="stable")]
