"""Word vectors that share parts: each word's own vector, and those of the n-grams of its letters.

Most words of a few plays occur once or twice, too rarely to learn a vector from. Words that are spelled alike have
n-grams in common, so each learns from the others (Bojanowski et al., arXiv:1607.04606). With own vectors F, n-gram
vectors G and the set N(w) of the n-grams of word w, the vector of w is

    E_w = F_w + sum of G_g over g in N(w) / |N(w)|^power

With the power 1/2 a step of SGD moves E twice as far as F alone, however long the word is; Adam moves each vector as
far as any other, so there the mean of N(w), with the power 1, at most doubles a step. A model directory holds the sums
E alone, so reading, writing and the size of a model are the same with and without.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.arrays import Floats

_LENGTHS = range(2, 7)  # characters, with the marks below
_BEGIN, _END = "^", "$"
_LEAST = 3  # words that have an n-gram
_POWERS = {"sgd": 0.5, "adam": 1.0}


@dataclass(frozen=True, slots=True)
class Spelling:
    """A sparse matrix (V, N) of the words' n-grams: `shares` (E,) at the places `places` (E, 2), sorted by word."""

    words: int
    ngrams: int
    places: npt.NDArray[np.int64]
    shares: Floats


def spelling_of(words: Sequence[str], most: int, optimizer: str) -> Spelling | None:
    """Return the n-grams that are in most of the words, at most `most` of them; None if there are none.

    Tokens like `<eos>` have no spelling, and a word as a whole is none of its n-grams.
    """
    counts = Counter(ngram for word in words for ngram in _ngrams(word))
    numbers = {
        ngram: number
        for number, (ngram, _) in enumerate(
            sorted(((ngram, count) for ngram, count in counts.items() if count >= _LEAST), key=_by_count)[:most]
        )
    }
    rows = [sorted(numbers[ngram] for ngram in _ngrams(word) if ngram in numbers) for word in words]
    places = [(word, number) for word, row in enumerate(rows) for number in row]
    if not places:
        return None
    shares = [len(row) ** -_POWERS[optimizer] for row in rows for _ in row]
    return Spelling(len(words), len(numbers), np.array(places, np.int64), np.array(shares, np.float32))


def _by_count(counted: tuple[str, int]) -> tuple[int, str]:
    ngram, count = counted
    return -count, ngram


def _ngrams(word: str) -> Iterator[str]:
    """Yield each n-gram of a word once."""
    if word.startswith("<"):
        return
    marked = f"{_BEGIN}{word}{_END}"
    lengths = range(_LENGTHS.start, min(_LENGTHS.stop, len(marked)))
    yield from dict.fromkeys(
        marked[start : start + length] for length in lengths for start in range(len(marked) - length + 1)
    )
