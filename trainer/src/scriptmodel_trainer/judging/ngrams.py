"""The n-grams of a text: which words and runs of words it holds, in bounded memory and without its words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.corpus.tokens import OPEN_NAME, is_word
from scriptmodel_trainer.storage.arrays import Ids

Hashes = npt.NDArray[np.uint64]
Stored = npt.NDArray[np.uint32]

SIZES = (1, 2, 3)
"""Words of the n-grams that a model directory holds."""
MOST = 1 << 20
"""Hashes of one size that are kept; of a larger text the smallest ones, an even sample of its n-grams."""

BASE = np.uint64(0x9E3779B97F4A7C15)
_MIXER = np.uint64(0xD6E8FEB86659FD93)
CHUNK = 1 << 20  # words whose n-grams are held at once


def word_hash(word: str) -> int:
    """Return 64 bits that stand for a word, in capitals or not; the same in every process and version."""
    digest = hashlib.blake2b(word.casefold().encode("utf-8", errors="replace"), digest_size=8)
    return int.from_bytes(digest.digest(), "little")


def hashes_of(words: Iterable[str]) -> Hashes:
    return np.fromiter(map(word_hash, words), np.uint64)


def spoken_hashes(ids: Ids, lexicon: Sequence[str]) -> Hashes:
    """Return the hash of each word of a token stream, names of speakers, markers and punctuation left out."""
    return hashes_of(lexicon)[ids[spoken(ids, lexicon)]]


def spoken(ids: Ids, lexicon: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return which tokens of a stream are words, but for names of speakers."""
    words = np.fromiter(map(is_word, lexicon), np.bool_, len(lexicon))
    kept = words[ids]
    if OPEN_NAME in lexicon and len(ids) > 1:
        kept[1:] &= ids[:-1] != lexicon.index(OPEN_NAME)
    return kept


def ngrams(words: Hashes, size: int, step: int = 1) -> Hashes:
    """Return a hash of each run of `size` words that stand `step` words apart; none if the text has fewer words."""
    count = max(0, len(words) - (size - 1) * step)
    total = np.zeros(count, np.uint64)
    for start in range(0, size * step, step):
        total = total * BASE + words[start : start + count]
    return total


def shortened(hashes: Hashes) -> Stored:
    """Return 32 well-mixed bits of each hash: two n-grams out of 4,000 million are taken for the same."""
    mixed = (hashes ^ (hashes >> np.uint64(29))) * _MIXER
    return (mixed >> np.uint64(32)).astype(np.uint32)


@dataclass(frozen=True, slots=True)
class KnownNgrams:
    """The n-grams of a training text: for each size sorted 32-bit hashes, at most MOST."""

    of_size: dict[int, Stored]

    def share(self, words: Hashes, size: int, steps: Iterable[int] = (1,)) -> float:
        """Return the share of a text's n-grams that the training text has; 0 for a text without any.

        With `steps` it is that of words so far apart. If only a sample of the training text's n-grams is kept, it is
        the share of those that would be in the sample.
        """
        kept = self.of_size[size]
        own = np.concatenate([shortened(ngrams(words, size, step)) for step in steps])
        if len(kept) >= MOST:
            own = own[own <= kept[-1]]
        if not len(own) or not len(kept):
            return 0.0
        places = np.searchsorted(kept, own) % len(kept)  # what is above all is not the first
        return float((kept[places] == own).mean())


def known_ngrams(words: Hashes) -> KnownNgrams:
    """Return the n-grams of a training text, in memory that does not grow with it."""
    return KnownNgrams({size: _smallest(words, size) for size in SIZES})


def _smallest(words: Hashes, size: int) -> Stored:
    kept = np.zeros(0, np.uint32)
    for start in range(0, max(1, len(words)), CHUNK):
        part = words[start : start + CHUNK + size - 1]
        kept = np.unique(np.concatenate([kept, shortened(ngrams(part, size))]))[:MOST]
    return kept
