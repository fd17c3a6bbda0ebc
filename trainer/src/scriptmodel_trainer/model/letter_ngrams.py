"""Word vectors that are sums of a word's own vector and those of its character n-grams.

Most words of a few plays occur once or twice, too rarely to learn a vector from. Words with similar spelling share
n-grams, so they learn from each other (Bojanowski et al., arXiv:1607.04606). With own vectors F, n-gram vectors G and
the set N(w) of the n-grams of word w, the vector of w is

    E_w = F_w + sum of G_g over g in N(w) / |N(w)|^power

With the power 1/2 a step of SGD moves E twice as far as F alone, for words of any length. Adam moves every vector by
about the learning rate, so there the power is 1, which at most doubles a step: with 1/2 a training diverged. A model
directory holds only the sums E, so its size and the code that reads it do not change.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.storage.arrays import Floats

_LENGTHS = range(2, 7)  # characters, with the marks below
_BEGIN, _END = "^", "$"
_LEAST = 3  # words that have an n-gram
_POWERS = {"sgd": 0.5, "adam": 1.0}


@dataclass(frozen=True, slots=True)
class LetterNgrams:
    """A sparse matrix (V, N) of the words' n-grams: `shares` (E,) at the indices `places` (E, 2), sorted by word."""

    words: int
    ngrams: int
    places: npt.NDArray[np.int64]
    shares: Floats


def letter_ngrams_of(words: Sequence[str], most: int, optimizer: str) -> LetterNgrams | None:
    """Return the matrix of the `most` n-grams that occur in the most words; None if no n-gram is shared.

    Tokens such as `<eos>` have no n-grams, and a whole word is not an n-gram of itself.
    """
    counts = Counter(ngram for word in words for ngram in _ngrams(word))
    ranked = sorted((-count, ngram) for ngram, count in counts.items() if count >= _LEAST)
    numbers = {ngram: number for number, (_, ngram) in enumerate(ranked[:most])}
    rows = [sorted(numbers[ngram] for ngram in _ngrams(word) if ngram in numbers) for word in words]
    places = [(word, number) for word, row in enumerate(rows) for number in row]
    if not places:
        return None
    shares = [len(row) ** -_POWERS[optimizer] for row in rows for _ in row]
    return LetterNgrams(len(words), len(numbers), np.array(places, np.int64), np.array(shares, np.float32))


def _ngrams(word: str) -> Iterator[str]:
    if word.startswith("<"):
        return
    marked = f"{_BEGIN}{word}{_END}"
    lengths = range(_LENGTHS.start, min(_LENGTHS.stop, len(marked)))
    yield from dict.fromkeys(
        marked[start : start + length] for length in lengths for start in range(len(marked) - length + 1)
    )
