"""Words and their numbers, most frequent first; every other word is spelled with sub-words."""

import dataclasses
import functools
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import filterfalse

import numpy as np

from scriptmodel_trainer.corpus import plain
from scriptmodel_trainer.corpus.tokens import (
    CLOSE_NAME,
    DOCUMENT,
    ENDERS,
    EOS,
    MARKERS,
    OPEN_NAME,
    PAIRS,
    PUNCTUATION,
)
from scriptmodel_trainer.model import subwords
from scriptmodel_trainer.storage.arrays import Ids

_PIECES_ALONE = frozenset(plain.BYTES)
_PIECES = 1500
"""Sub-words besides letters and bytes: more of them are too rare to learn from a few plays."""


@dataclass(frozen=True)
class Vocabulary:
    """`words[i]` is the word numbered i; `speakers` are the numbers of words seen as a speaker's name.

    `spelled_names` are the names of other speakers, which sub-words spell, most frequent first. `parts` are the numbers
    of sub-words that are no words and yet look like one: they begin a word that is spelled.
    """

    words: tuple[str, ...]
    speakers: frozenset[int] = frozenset()
    spelled_names: tuple[str, ...] = ()
    parts: frozenset[int] = frozenset()
    _ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ids", {word: number for number, word in enumerate(self.words)})

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self._ids

    @property
    def document(self) -> int | None:
        """The number of the token that starts a document and clears the state; None without one."""
        return self._ids.get(DOCUMENT)

    @property
    def first(self) -> int:
        """The number of the token that precedes a text: it starts a document, or ends a sentence where none does."""
        return self._ids[EOS] if self.document is None else self.document

    def id_of(self, word: str) -> int:
        """Return the number of a word or sub-word, which must be one of `words`."""
        return self._ids[word]

    def is_word(self, word: str) -> bool:
        """Return whether a token is a whole word here, or a marker."""
        number = self._ids.get(word)
        return number is not None and number not in self.parts and not subwords.continues(word)

    def known_form(self, word: str) -> str:
        """Return a word in small letters if it is known only so, as one that begins a sentence here; else as it is."""
        small = word.lower()
        return small if word not in self._ids and self.is_word(small) else word

    @functools.cached_property
    def plain(self) -> bool:
        """Whether these are the words of plain text, which has neither speeches nor directions."""
        return plain.is_plain(self._ids)

    @property
    def names(self) -> list[str]:
        """The names of speakers: words, most frequent first, and then those that are spelled."""
        return [*(self.words[number] for number in sorted(self.speakers)), *self.spelled_names]

    def pieces(self, token: str) -> Sequence[str]:
        """Return a token as the words or sub-words of this vocabulary that stand for it."""
        return subwords.spelled(token, self._ids)

    def shorter_pieces(self, number: int) -> Ids:
        """Return the numbers of shorter sub-words that spell a word; any other token as it is."""
        word = self.words[number]
        if len(word) < 2 or not subwords.is_word(word) or subwords.continues(word):
            return np.array([number], np.int32)
        pieces = subwords.pieces_of(word, self._ids, len(word) - 1)
        return np.fromiter(map(self.id_of, pieces), np.int32)

    def joined(self, pieces: Iterable[str]) -> list[str]:
        """Return the tokens that words and sub-words of this vocabulary stand for."""
        return list(subwords.words_of(pieces))

    def encode(self, tokens: Iterable[str]) -> Ids:
        """Return numbers of tokens, one each for words, several for what sub-words spell."""
        return np.fromiter(map(self.id_of, itertools.chain.from_iterable(map(self.pieces, tokens))), np.int32)

    def translated(self, stream: Ids, lexicon: Sequence[str], starts: Sequence[int] | Ids = ()) -> Ids:
        """Return a stream of numbers of `lexicon` in the numbers of this vocabulary.

        At the places `starts` another document starts, with the token for it if the vocabulary has one.
        """
        if self.document is not None and len(starts):
            stream, lexicon = np.insert(stream, starts, len(lexicon)), [*lexicon, DOCUMENT]
        numbers = [self.encode([token]) for token in lexicon]
        return np.concatenate([np.zeros(0, np.int32), *map(numbers.__getitem__, stream.tolist())])


def build_vocabulary(train: Ids, lexicon: Sequence[str], size: int) -> Vocabulary:
    """Return the `size` most frequent words of the training split, and sub-words that spell every other.

    `train` holds numbers of `lexicon`. Ends of sentences, punctuation and the markers that occur (with their partners,
    so that whatever is opened can be closed) are always in it.
    """
    counts = counts_of(train, lexicon)
    words = frequent_words(counts, size)
    learned = subwords.learn_pieces({word: count for word, count in counts.items() if subwords.is_word(word)}, _PIECES)
    parts = dict.fromkeys(piece for piece in (*learned, *subwords.LETTERS) if piece not in words)
    known = (*words, *parts)
    begin = (number for number, piece in enumerate(parts, len(words)) if not subwords.continues(piece))
    return with_names(known, speakers_of(train, lexicon), frozenset(begin))


def frequent_words(counts: Mapping[str, int], size: int) -> dict[str, int]:
    """Return the words of a vocabulary with their counts, most frequent first, ties in alphabetical order."""
    markers = _markers_of(counts)
    always = {*markers, *ENDERS, *PUNCTUATION}
    ranked = sorted({*counts, *always}, key=lambda word: (-counts.get(word, 0), word))
    room = max(0, size - len(markers))
    whole = (word for word in ranked if word not in markers and word not in _PIECES_ALONE)
    chosen = always.union(itertools.islice(filterfalse(subwords.continues, whole), room))
    return {word: counts.get(word, 0) for word in ranked if word in chosen}


def with_names(words: tuple[str, ...], names: Iterable[str], parts: frozenset[int] = frozenset()) -> Vocabulary:
    """Return the vocabulary of these words and of speakers with these names, most frequent first."""
    nameless, found = Vocabulary(words, parts=parts), dict.fromkeys(names)
    whole = frozenset(nameless.id_of(name) for name in found if nameless.is_word(name))
    return Vocabulary(words, whole, tuple(name for name in found if not nameless.is_word(name)), parts)


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
    return [name for number in ranked.tolist() if (name := lexicon[number]) not in MARKERS]


def counts_of(train: Ids, lexicon: Sequence[str]) -> dict[str, int]:
    """Return how often each token occurs that does."""
    counts = np.bincount(train, minlength=len(lexicon))
    return {lexicon[number]: int(counts[number]) for number in np.flatnonzero(counts).tolist()}


def _markers_of(tokens: Collection[str]) -> set[str]:
    """Return the markers among the tokens, with their partners and `<eos>`; all of plain text, if these are its."""
    if plain.is_plain(tokens):
        return {EOS, *plain.MARKERS}
    kept = {EOS, *MARKERS.intersection(tokens)}
    return kept.union(*((opener, closer) for opener, closer in PAIRS.items() if {opener, closer} & kept))
