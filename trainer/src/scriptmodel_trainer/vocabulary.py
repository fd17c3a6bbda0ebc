"""Words and their numbers, most frequent first; the rest is `<unk>`, or is spelled with sub-words."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from scriptmodel_trainer import subwords
from scriptmodel_trainer.arrays import Ids
from scriptmodel_trainer.corpus import exact
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

    @property
    def first(self) -> int:
        """The number of the token that precedes a text: the end of a sentence, in the layout `exact` of a paragraph."""
        return self._ids[exact.PARAGRAPH if self.exact else EOS]

    def id_of(self, word: str) -> int:
        """Return the number of a word, of `<unk>` if it is not in the vocabulary."""
        return self._ids.get(word, self._ids[UNKNOWN])

    @property
    def exact(self) -> bool:
        """True for the tokens of the layout `exact`, of which sub-words spell every word."""
        return exact.NEWLINE in self and exact.BYTES[0] in self

    def pieces(self, token: str) -> Sequence[str]:
        """Return a token as the words or sub-words of this vocabulary that stand for it."""
        if token in self._ids or not self.exact:
            return (token,)
        return tuple(subwords.pieces_of(token, self._ids))

    def encode(self, tokens: Iterable[str]) -> Ids:
        """Return numbers of tokens, one each unless sub-words spell them."""
        return np.fromiter(map(self.id_of, itertools.chain.from_iterable(map(self.pieces, tokens))), np.int32)

    def translated(self, stream: Ids, lexicon: Sequence[str]) -> Ids:
        """Return a stream of numbers of `lexicon` in the numbers of this vocabulary."""
        if not self.exact:
            return self.encode(lexicon)[stream]
        numbers = [self.encode([token]) for token in lexicon]
        return np.concatenate([np.zeros(0, np.int32), *map(numbers.__getitem__, stream.tolist())])


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


def build_exact_vocabulary(train: Ids, lexicon: Sequence[str], size: int) -> Vocabulary:
    """Return the vocabulary of the layout `exact`: `size` words and sub-words, and all markers, letters and bytes.

    `train` holds numbers of `lexicon`. Sub-words that the training split does not need are left out.
    """
    counts = np.bincount(train, minlength=len(lexicon))
    seen = {lexicon[number]: int(counts[number]) for number in np.flatnonzero(counts).tolist()}
    words = {token: count for token, count in seen.items() if subwords.is_word(token)}
    always = {UNKNOWN, EOS, *exact.MARKERS, *subwords.LETTERS, *(seen.keys() - words.keys())}
    known = always.union(subwords.learn_pieces(words, size))
    used = Counter[str]()
    for token, count in seen.items():
        for piece in (token,) if token in known else subwords.pieces_of(token, known):
            used[piece] += count
    return Vocabulary(tuple(sorted(always.union(used), key=lambda piece: (-used[piece], piece))))


def _speakers(train: Ids, lexicon: Sequence[str], words: Sequence[str]) -> frozenset[int]:
    """Return numbers of the words that stood alone between `<boname>` and `<eoname>`."""
    numbers = {word: number for number, word in enumerate(words)}
    if OPEN_NAME not in numbers or len(train) < 3:
        return frozenset()
    own = {token: number for number, token in enumerate(lexicon)}
    named = (train[:-2] == own.get(OPEN_NAME, -1)) & (train[2:] == own.get(CLOSE_NAME, -1))
    names = (lexicon[number] for number in np.unique(train[1:-1][named]).tolist())
    return frozenset(numbers[name] for name in names if name in numbers and name not in (UNKNOWN, *MARKERS))
