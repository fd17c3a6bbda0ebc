"""Self-BLEU (Zhu et al. 2018, arXiv:1802.01886): how alike several samples are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

_SIZES = (1, 2, 3, 4)

_Counts = list[Counter[tuple[str, ...]]]


def self_bleu(samples: Sequence[Sequence[str]]) -> float | None:
    """Return the mean BLEU-4 of each sample against all others as references; None for fewer than two samples.

    Samples are lists of words. 1 means that all are the same.
    """
    counted = [[_counts(words, size) for size in _SIZES] for words in samples]
    if len(counted) < 2:
        return None
    lengths = [len(words) for words in samples]
    scores = []
    for number, own in enumerate(counted):
        others = [counts for other, counts in enumerate(counted) if other != number]
        nearest = min(
            (length for other, length in enumerate(lengths) if other != number),
            key=lambda length, mine=lengths[number]: (abs(length - mine), length),  # type: ignore[misc]
        )
        brevity = min(0.0, 1 - nearest / max(1, lengths[number]))
        scores.append(_precision(own, others) * math.exp(brevity))
    return sum(scores) / len(scores)


def _precision(own: _Counts, others: Sequence[_Counts]) -> float:
    """Return the geometric mean of the clipped precisions of all sizes."""
    logs = 0.0
    for index in range(len(_SIZES)):
        highest: Counter[tuple[str, ...]] = Counter()
        for other in others:
            highest |= other[index]
        total = own[index].total()
        matched = (own[index] & highest).total()
        if not matched:
            return 0.0
        logs += math.log(matched / total)
    return math.exp(logs / len(_SIZES))


def _counts(words: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(words[offset:] for offset in range(size)), strict=False))
