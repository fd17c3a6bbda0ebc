"""Choosing the next token from logits: temperature and top-p."""

import math
from dataclasses import dataclass

import numpy as np

from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.model.cache import COLD
from scriptmodel_trainer.storage.arrays import Floats

TAKES = 16
"""Takes of each sentence of a script that nobody reads while it is written."""
COPIED = 0.4
"""What a script copies of what a trained cache says: the cache knows texts of people, not copies of copies."""
_MOST_TAKES = 64
_BELOW_ONE = float(np.nextafter(1, 0))  # a product may be rounded up


@dataclass(frozen=True, slots=True)
class Sampling:
    """Sampling settings. temperature 0 is greedy; top_p 1 excludes no word.

    Of each sentence so many `takes` are written, and one is kept; a script that is read while it is written has one.
    """

    temperature: float = 0.8
    top_p: float = 0.95
    takes: int = 1

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and 0 <= self.temperature <= 10):
            raise BadInputError(f"temperature {self.temperature:g} must lie between 0 and 10", parameter="temperature")
        if not 0 < self.top_p <= 1:
            raise BadInputError(f"top-p {self.top_p:g} must be more than 0 and at most 1", parameter="top_p")
        if not 1 <= self.takes <= _MOST_TAKES:
            raise BadInputError(f"--takes {self.takes} must lie between 1 and {_MOST_TAKES}", parameter="takes")


def choose(logits: Floats, sampling: Sampling, random: np.random.Generator) -> int:
    """Return the number of the chosen token; a logit of minus infinity is never chosen. At least one must be finite.

    top-p (nucleus sampling, Holtzman et al. 2020, arXiv:1904.09751) needs no sorting: a word is in the nucleus if all
    that are likelier hold less than `top_p`. Else another is drawn, which leaves the others' shares as they are.
    """
    if sampling.temperature < COLD:
        return int(np.argmax(logits))
    with np.errstate(over="ignore"):  # at a temperature of nearly zero all but the likeliest go to minus infinity
        weights = np.exp((logits - logits.max()) / np.float32(sampling.temperature))
    enough = sampling.top_p * float(weights.sum(dtype=np.float64))
    if np.float32(enough) == 0:  # so small a nucleus holds the likeliest word alone
        return int(np.argmax(logits))
    while True:
        covered = np.cumsum(weights, dtype=np.float64)
        number = int(np.searchsorted(covered, random.random() * covered[-1] * _BELOW_ONE, side="right"))
        least = weights[number]
        if sampling.top_p == 1 or np.dot(weights, weights > least) < enough:
            return number
        weights[weights <= least] = 0  # none of these is in it either, so it takes few draws
