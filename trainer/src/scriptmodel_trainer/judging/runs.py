"""Runs of words that a text has, n-grams and sentences: known by hashes, in bounded memory and without its words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.corpus.tokens import OPEN_NAME, is_word
from scriptmodel_trainer.storage.arrays import Ids

Hashes = npt.NDArray[np.uint64]
Stored = npt.NDArray[np.uint32]

SIZES = (1, 2, 3)
"""Words of the n-grams that a model directory holds."""
MOST = 1 << 20
"""Runs of one kind that are kept, of 4 bytes each; of a larger text those with the smallest hashes, an even sample."""

_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIXER = np.uint64(0xD6E8FEB86659FD93)
CHUNK = 1 << 20  # words whose n-grams are held at once


def word_hash(word: str) -> int:
    """Return 64 bits that stand for a word, in capitals or not; the same in every process and version."""
    digest = hashlib.blake2b(word.casefold().encode("utf-8", errors="replace"), digest_size=8)
    return int.from_bytes(digest.digest(), "little")


def hashes_of(words: Iterable[str]) -> Hashes:
    return np.fromiter(map(word_hash, words), np.uint64)


def spoken(ids: Ids, lexicon: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return which tokens of a stream are words, but for names of speakers."""
    words = np.fromiter(map(is_word, lexicon), np.bool_, len(lexicon))
    kept = words[ids]
    if OPEN_NAME in lexicon and len(ids) > 1:
        kept[1:] &= ids[:-1] != lexicon.index(OPEN_NAME)
    return kept


def ngrams(words: Hashes, size: int, step: int = 1) -> Stored:
    """Return a hash of each run of `size` words that stand `step` words apart; none if the text has fewer words."""
    count = max(0, len(words) - (size - 1) * step)
    total = np.zeros(count, np.uint64)
    for start in range(0, size * step, step):
        total = total * _BASE + words[start : start + count]
    return _shortened(total)


def run_hashes(words: Hashes, firsts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> Stored:
    """Return a hash of each of some runs of words that follow each other, by their first words and their sizes."""
    within = np.arange(len(words)) - np.repeat(firsts, sizes)
    hashes = words * np.cumprod(np.full(sizes.max(initial=0), _BASE))[within]
    return _shortened(np.array(np.add.reduceat(hashes, firsts) if len(firsts) else hashes, np.uint64))


def _shortened(hashes: Hashes) -> Stored:
    """Return 32 well-mixed bits of each hash: two n-grams out of 4,000 million are taken for the same."""
    mixed = (hashes ^ (hashes >> np.uint64(29))) * _MIXER
    return (mixed >> np.uint64(32)).astype(np.uint32)


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of one kind that a training text has: sorted hashes, at most MOST."""

    hashes: Stored

    @classmethod
    def stored(cls, hashes: npt.NDArray[Any] | None) -> Self:
        """Return the runs that a model directory holds; ValueError for an array that is none."""
        if hashes is None or hashes.dtype != np.uint32 or hashes.ndim != 1:
            raise ValueError("it does not hold the runs of words of a training text")
        if len(hashes) > MOST or (hashes[1:] <= hashes[:-1]).any():
            raise ValueError("its runs of words are not sorted")
        return cls(hashes)

    def places(self, own: Stored) -> npt.NDArray[np.int64]:
        """Return the place of each of some runs among these, -1 for one that is not there."""
        if not len(self.hashes):
            return np.full(len(own), -1)
        found = np.searchsorted(self.hashes, own) % len(self.hashes)  # what is above all is not the first
        return np.where(self.hashes[found] == own, found, -1)

    def share(self, own: Stored) -> float:
        """Return the share of a text's runs that the training text has; 0 for a text without any.

        If only a sample of the training text's runs is kept, it is the share of those that would be in the sample.
        """
        if len(self.hashes) >= MOST:
            own = own[own <= self.hashes[-1]]
        return float((self.places(own) >= 0).mean()) if len(own) else 0.0


def known_ngrams(words: Hashes) -> dict[int, Runs]:
    """Return the n-grams of a training text by their size, in memory that does not grow with it."""
    return {size: Runs(_smallest(words, size)) for size in SIZES}


def _smallest(words: Hashes, size: int) -> Stored:
    kept = np.zeros(0, np.uint32)
    for start in range(0, max(1, len(words)), CHUNK):
        part = words[start : start + CHUNK + size - 1]
        kept = np.unique(np.concatenate([kept, ngrams(part, size)]))[:MOST]
    return kept
