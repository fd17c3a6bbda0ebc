"""Hashed n-grams of a text: which words, pairs and runs of words it holds, in bounded memory and without its words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.arrays import Ids
from scriptmodel_trainer.corpus.tokens import OPEN_NAME, is_word

Hashes = npt.NDArray[np.uint64]
Stored = npt.NDArray[np.uint32]

SIZES = (1, 2, 8)
"""Words of the n-grams that a model directory holds."""
MOST = 1 << 20
"""Hashes of one size that are kept; of a larger text the smallest ones, an even sample of its n-grams."""

_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIXER = np.uint64(0xD6E8FEB86659FD93)
_CHUNK = 1 << 20  # words whose n-grams are held at once


def word_hash(word: str) -> int:
    """Return 64 bits that stand for a word, in capitals or not; the same in every process and version."""
    digest = hashlib.blake2b(word.casefold().encode("utf-8", errors="replace"), digest_size=8)
    return int.from_bytes(digest.digest(), "little")


def hashes_of(words: Iterable[str]) -> Hashes:
    """Return the hash of each word."""
    return np.fromiter(map(word_hash, words), np.uint64)


def spoken_hashes(ids: Ids, lexicon: Sequence[str]) -> Hashes:
    """Return the hash of each word of a token stream, names of speakers, markers and punctuation left out."""
    words = np.fromiter(map(is_word, lexicon), np.bool_, len(lexicon))
    kept = words[ids]
    if OPEN_NAME in lexicon and len(ids) > 1:
        kept[1:] &= ids[:-1] != lexicon.index(OPEN_NAME)
    return hashes_of(lexicon)[ids[kept]]


def ngrams(words: Hashes, size: int) -> Hashes:
    """Return a hash of each run of `size` words, in their order; none if the text has fewer words."""
    count = max(0, len(words) - size + 1)
    total = np.zeros(count, np.uint64)
    for offset in range(size):
        total = total * _BASE + words[offset : offset + count]
    return total


def shortened(hashes: Hashes) -> Stored:
    """Return 32 well-mixed bits of each hash: two n-grams out of 4,000 million are taken for the same."""
    mixed = (hashes ^ (hashes >> np.uint64(29))) * _MIXER
    return (mixed >> np.uint64(32)).astype(np.uint32)


@dataclass(frozen=True, slots=True)
class KnownNgrams:
    """The n-grams of a training text: for each size sorted 32-bit hashes, at most MOST."""

    of_size: dict[int, Stored]

    def known(self, words: Hashes, size: int) -> npt.NDArray[np.bool_]:
        """Return for each n-gram of a text whether the training text has it.

        If only a sample of the training text's n-grams is kept, for those alone that would be in the sample.
        """
        return _matches(shortened(ngrams(words, size)), self.of_size[size])

    def with_runs_of(self, other: KnownNgrams) -> KnownNgrams:
        """Return these n-grams, and the longest ones of another training text too; at most MOST of each size."""
        longest = SIZES[-1]
        both = np.union1d(self.of_size[longest], other.of_size[longest])[:MOST]
        return KnownNgrams({**self.of_size, longest: both})

    def share(self, words: Hashes, size: int) -> float:
        """Return the share of a text's n-grams that the training text has; 0 for a text without any."""
        known = self.known(words, size)
        return float(known.mean()) if len(known) else 0.0

    def share_of_pairs(self, words: Hashes, distance: int) -> float:
        """Return the share of pairs of words that stand so far apart in a text, and side by side in the other."""
        known = _matches(shortened(words[:-distance] * _BASE + words[distance:]), self.of_size[2])
        return float(known.mean()) if len(known) else 0.0


def _matches(own: Stored, kept: Stored) -> npt.NDArray[np.bool_]:
    """Return which hashes are kept; if only a sample is kept, of those alone that would be in the sample."""
    if len(kept) >= MOST:
        own = own[own <= kept[-1]]
    if not len(kept):
        return np.zeros(len(own), np.bool_)
    found: npt.NDArray[np.bool_] = kept[np.minimum(np.searchsorted(kept, own), len(kept) - 1)] == own
    return found


def known_ngrams(words: Hashes) -> KnownNgrams:
    """Return the n-grams of a training text, in memory that does not grow with it."""
    return KnownNgrams({size: _smallest(words, size) for size in SIZES})


def _smallest(words: Hashes, size: int) -> Stored:
    kept = np.zeros(0, np.uint32)
    for start in range(0, max(1, len(words)), _CHUNK):
        part = words[start : start + _CHUNK + size - 1]
        kept = np.unique(np.concatenate([kept, shortened(ngrams(part, size))]))[:MOST]
    return kept


def longest_copy(words: Hashes, training: Hashes) -> int:
    """Return the length of the longest run of words that the training text has, too: doubled, then filled up."""
    grown: list[tuple[int, Hashes, Hashes]] = []
    for length, ours, theirs in _doubled(words, training):
        if not _shared(ours, theirs):
            break
        grown.append((length, ours, theirs))
    if not grown:
        return 0
    best, ours, theirs = grown.pop()
    for length, own_part, their_part in reversed(grown):
        longer = _joined(ours, own_part, best, length), _joined(theirs, their_part, best, length)
        if _shared(*longer):
            best, (ours, theirs) = best + length, longer
    return best


def _shared(ours: Hashes, theirs: Hashes) -> bool:
    """Return whether two lists of hashes have one in common; `ours` is the shorter one."""
    if not len(ours):
        return False
    own = np.sort(ours)
    at = np.searchsorted(own, theirs)
    at[at == len(own)] = 0
    return bool((own[at] == theirs).any())


def _doubled(ours: Hashes, theirs: Hashes) -> Iterator[tuple[int, Hashes, Hashes]]:
    length = 1
    while len(ours) and len(theirs):
        yield length, ours, theirs
        ours, theirs = _joined(ours, ours, length, length), _joined(theirs, theirs, length, length)
        length *= 2


def _joined(first: Hashes, second: Hashes, length: int, more: int) -> Hashes:
    """Return hashes of runs of `length` + `more` words from those of `length` and of `more`."""
    count = max(0, len(second) - length)
    power = np.uint64(pow(int(_BASE), more, 1 << 64))
    return first[:count] * power + second[length : length + count]
