"""Words and their numbers, most frequent first; the rest is `<unk>`, or is spelled with sub-words."""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from scriptmodel_trainer.corpus import exact
from scriptmodel_trainer.corpus.tokens import (
    CLOSE_NAME,
    DOCUMENT,
    ENDERS,
    EOS,
    MARKERS,
    OPEN_NAME,
    PAIRS,
    PUNCTUATION,
    UNKNOWN,
)
from scriptmodel_trainer.model import subwords
from scriptmodel_trainer.storage.arrays import Ids


@dataclass(frozen=True)
class Vocabulary:
    """`words[i]` is the word numbered i; `speakers` are the numbers of words seen as a speaker's name.

    A vocabulary with all letters and bytes is open: it `spells` every other word with sub-words. `spelled_names` are
    the names of speakers among these, most frequent first.
    """

    words: tuple[str, ...]
    speakers: frozenset[int] = frozenset()
    spelled_names: tuple[str, ...] = ()
    spells: bool = field(init=False, repr=False, compare=False)
    _ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ids", {word: number for number, word in enumerate(self.words)})
        object.__setattr__(self, "spells", self.exact or all(map(self._ids.__contains__, subwords.LETTERS)))

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self._ids

    @property
    def unknown(self) -> int:
        return self._ids[UNKNOWN]

    @property
    def document(self) -> int | None:
        """The number of the token that starts a document and clears the state; None without one."""
        return self._ids.get(DOCUMENT)

    @property
    def first(self) -> int:
        """The number of the token that precedes a text.

        Without a token that starts a document it is the end of a sentence, in the layout `exact` of a paragraph.
        """
        if self.document is not None:
            return self.document
        return self._ids[exact.PARAGRAPH if self.exact else EOS]

    def id_of(self, word: str) -> int:
        return self._ids.get(word, self._ids[UNKNOWN])

    def known_form(self, word: str) -> str:
        """Return a word in small letters if it is known only so, as one that begins a sentence here; else as it is."""
        small = word.lower()
        return small if word not in self._ids and small in self._ids else word

    @property
    def exact(self) -> bool:
        """True for the tokens of the layout `exact`, of which sub-words spell every word."""
        return exact.NEWLINE in self and exact.BYTES[0] in self

    @property
    def names(self) -> list[str]:
        """The names of speakers: words, most frequent first, and then those that are spelled."""
        return [*(self.words[number] for number in sorted(self.speakers)), *self.spelled_names]

    @property
    def name_starts(self) -> frozenset[int]:
        """The numbers of words and sub-words that a speaker's name starts with."""
        return self.speakers.union(self.id_of(self.pieces(name)[0]) for name in self.spelled_names)

    def pieces(self, token: str) -> Sequence[str]:
        """Return a token as the words or sub-words of this vocabulary that stand for it."""
        return subwords.spelled(token, self._ids) if self.spells else (token,)

    def shorter_pieces(self, number: int) -> Ids:
        """Return the numbers of shorter sub-words that spell a word; any other token as it is."""
        word = self.words[number]
        if not self.spells or len(word) < 2 or not subwords.is_word(word) or subwords.continues(word):
            return np.array([number], np.int32)
        pieces = subwords.pieces_of(word, self._ids, len(word) - 1)
        return np.fromiter(map(self.id_of, pieces), np.int32)

    def joined(self, pieces: Iterable[str]) -> list[str]:
        """Return the tokens that words and sub-words of this vocabulary stand for."""
        return list(subwords.words_of(pieces) if self.spells else pieces)

    def encode(self, tokens: Iterable[str]) -> Ids:
        """Return numbers of tokens, one each unless sub-words spell them."""
        return np.fromiter(map(self.id_of, itertools.chain.from_iterable(map(self.pieces, tokens))), np.int32)

    def translated(self, stream: Ids, lexicon: Sequence[str], starts: Sequence[int] | Ids = ()) -> Ids:
        """Return a stream of numbers of `lexicon` in the numbers of this vocabulary.

        At the places `starts` another document starts, with the token for it if the vocabulary has one.
        """
        if self.document is not None and len(starts):
            stream, lexicon = np.insert(stream, starts, len(lexicon)), [*lexicon, DOCUMENT]
        if not self.spells:
            return self.encode(lexicon)[stream]
        numbers = [self.encode([token]) for token in lexicon]
        return np.concatenate([np.zeros(0, np.int32), *map(numbers.__getitem__, stream.tolist())])


def build_vocabulary(train: Ids, lexicon: Sequence[str], size: int) -> Vocabulary:
    """Return the `size` most frequent tokens of the training split, ties in alphabetical order.

    `train` holds numbers of `lexicon`. `<unk>`, `<eos>` and the markers that occur (with their partners, so that
    whatever is opened can be closed) are always in it, whatever the size.
    """
    frequency = _counts(train, lexicon)
    kept = _markers_of(frequency)
    for marker in kept:
        frequency.setdefault(marker, 0)
    ranked = sorted(frequency, key=lambda word: (-frequency[word], word))
    room = max(0, size - len(kept))
    others = [word for word in ranked if word not in kept][:room]
    chosen = kept.union(others)
    return with_names(tuple(word for word in ranked if word in chosen), speakers_of(train, lexicon))


def build_open_vocabulary(train: Ids, lexicon: Sequence[str], size: int) -> Vocabulary:
    """Return a vocabulary that spells every word: `size` words and sub-words, and all letters and bytes.

    `train` holds numbers of `lexicon`. Markers are in it as in `build_vocabulary`, ends of sentences and punctuation
    always.
    """
    counts = _counts(train, lexicon)
    always = {*_markers_of(counts), *ENDERS, *PUNCTUATION}
    return with_names(_with_pieces(counts, always, size), speakers_of(train, lexicon))


def build_exact_vocabulary(train: Ids, lexicon: Sequence[str], size: int) -> Vocabulary:
    """Return the vocabulary of the layout `exact`: `size` words and sub-words, and all markers, letters and bytes.

    `train` holds numbers of `lexicon`.
    """
    counts = _counts(train, lexicon)
    others = (token for token in counts if not subwords.is_word(token))
    return Vocabulary(_with_pieces(counts, {UNKNOWN, EOS, *exact.MARKERS, *others}, size))


def with_names(words: tuple[str, ...], names: Iterable[str]) -> Vocabulary:
    """Return the vocabulary of these words and of speakers with these names, most frequent first.

    Names that it neither has nor spells are left out.
    """
    plain = Vocabulary(words)
    whole, spelled = [], []
    for name in dict.fromkeys(names):
        if plain.pieces(name) != (name,):
            spelled.append(name)
        elif name in plain:
            whole.append(plain.id_of(name))
    return Vocabulary(words, frozenset(whole), tuple(spelled))


def with_documents(vocabulary: Vocabulary) -> Vocabulary:
    """Return the vocabulary with a token that starts a document, the last one if it is new."""
    if vocabulary.document is not None:
        return vocabulary
    return dataclasses.replace(vocabulary, words=(*vocabulary.words, DOCUMENT))


def speakers_of(train: Ids, lexicon: Sequence[str]) -> list[str]:
    """Return the tokens that stood alone between `<boname>` and `<eoname>`, most frequent first."""
    if OPEN_NAME not in lexicon or CLOSE_NAME not in lexicon or len(train) < 3:
        return []
    named = (train[:-2] == lexicon.index(OPEN_NAME)) & (train[2:] == lexicon.index(CLOSE_NAME))
    numbers, counts = np.unique(train[1:-1][named], return_counts=True)
    ranked = numbers[np.argsort(-counts, kind="stable")]
    return [name for number in ranked.tolist() if (name := lexicon[number]) not in (UNKNOWN, *MARKERS)]


def _counts(train: Ids, lexicon: Sequence[str]) -> dict[str, int]:
    """Return how often each token occurs that does."""
    counts = np.bincount(train, minlength=len(lexicon))
    return {lexicon[number]: int(counts[number]) for number in np.flatnonzero(counts).tolist()}


def _markers_of(tokens: Iterable[str]) -> set[str]:
    """Return the markers among the tokens, with their partners, `<unk>` and `<eos>`."""
    kept = {UNKNOWN, EOS, *MARKERS.intersection(tokens)}
    return kept.union(*((opener, closer) for opener, closer in PAIRS.items() if {opener, closer} & kept))


def _with_pieces(counts: Mapping[str, int], always: set[str], size: int) -> tuple[str, ...]:
    """Return the tokens in `always`, letters and bytes, and `size` words and sub-words of the others, most used first.

    Sub-words that the tokens do not need are left out.
    """
    learned = subwords.learn_pieces({token: count for token, count in counts.items() if token not in always}, size)
    always = always.union(subwords.LETTERS)
    known = always.union(learned)
    used = Counter[str]()
    for token, count in counts.items():
        for piece in subwords.spelled(token, known):
            used[piece] += count
    return tuple(sorted(always.union(used), key=lambda piece: (-used[piece], piece)))
