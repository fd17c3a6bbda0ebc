"""Words and their numbers: most frequent first, the rest is `<unk>`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from scriptmodel_trainer.arrays import Ids
from scriptmodel_trainer.corpus.tokens import CLOSE_NAME, EOS, MARKERS, OPEN_NAME, PAIRS, UNKNOWN


@dataclass(frozen=True)
class Vocabulary:
    """`words[i]` is the word numbered i; `speakers` are the numbers of words seen as a speaker's name."""

    words: tuple[str, ...]
    speakers: frozenset[int] = frozenset()
    _ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ids", {word: number for number, word in enumerate(self.words)})

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self._ids

    @property
    def word_to_id(self) -> dict[str, int]:
        """The number of each word."""
        return dict(self._ids)

    @property
    def unknown(self) -> int:
        """The number of `<unk>`."""
        return self._ids[UNKNOWN]

    def id_of(self, word: str) -> int:
        """Return the number of a word, of `<unk>` if it is not in the vocabulary."""
        return self._ids.get(word, self._ids[UNKNOWN])

    def encode(self, words: Sequence[str]) -> Ids:
        """Return numbers of words, shape (len(words),)."""
        return np.fromiter(map(self.id_of, words), np.int32, len(words))

    def mapping_from(self, lexicon: Sequence[str]) -> Ids:
        """Return the number of each token of another numbering, shape (len(lexicon),)."""
        return self.encode(lexicon)


def build_vocabulary(train: Ids, lexicon: Sequence[str], size: int) -> Vocabulary:
    """Return the `size` most frequent tokens of the training split, ties in alphabetical order.

    `train` holds numbers of `lexicon`. `<unk>`, `<eos>` and the markers that occur (with their partners, so that
    whatever is opened can be closed) are always in it, whatever the size.
    """
    counts = np.bincount(train, minlength=len(lexicon))
    seen: list[int] = np.flatnonzero(counts).tolist()
    kept = {UNKNOWN, EOS} | {lexicon[number] for number in seen if lexicon[number] in MARKERS}
    for opener, closer in PAIRS.items():
        if opener in kept or closer in kept:
            kept |= {opener, closer}
    frequency = {lexicon[number]: int(counts[number]) for number in seen}
    for marker in kept:
        frequency.setdefault(marker, 0)
    ranked = sorted(frequency, key=lambda word: (-frequency[word], word))
    room = max(0, size - len(kept))
    others = [word for word in ranked if word not in kept][:room]
    chosen = kept.union(others)
    words = tuple(word for word in ranked if word in chosen)
    return Vocabulary(words, _speakers(train, lexicon, words))


def _speakers(train: Ids, lexicon: Sequence[str], words: Sequence[str]) -> frozenset[int]:
    """Return numbers of the words that stood alone between `<boname>` and `<eoname>`."""
    numbers = {word: number for number, word in enumerate(words)}
    if OPEN_NAME not in numbers or len(train) < 3:
        return frozenset()
    own = {token: number for number, token in enumerate(lexicon)}
    named = (train[:-2] == own.get(OPEN_NAME, -1)) & (train[2:] == own.get(CLOSE_NAME, -1))
    names = (lexicon[number] for number in np.unique(train[1:-1][named]).tolist())
    return frozenset(numbers[name] for name in names if name in numbers and name not in (UNKNOWN, *MARKERS))
