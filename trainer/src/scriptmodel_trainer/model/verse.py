"""Where lines of verse begin in a script, where a capital must be, and which words have one only there.

The tokens of verse keep the capital that a poet gives the first word of a line. So a script needs no token for the end
of a line: a word that has no capital within sentences of prose begins one.
"""

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from scriptmodel_trainer.corpus.tokens import (
    CLOSE_BRACKET,
    CLOSE_NAME,
    EDGES,
    ENDERS,
    LINE,
    MARKERS,
    OPEN_BRACKET,
    OPEN_EXPOSITION,
    OPEN_NAME,
    PUNCTUATION,
)
from scriptmodel_trainer.storage.arrays import Flags, Ids
from scriptmodel_trainer.storage.records import Count, Name

_NAMES = 0.1
"""Share of a word's places within sentences at which it has a capital: a name has it more often."""
_LONGEST, _WIDEST = 70, 200  # characters of verse, and that are told apart
_STARTS = MARKERS - {OPEN_NAME, OPEN_BRACKET, CLOSE_BRACKET}  # after what is in brackets a sentence may continue
_MISPRINTS = 0.01  # share of the words that may begin small where all are meant to have a capital
_TITLED, _TIMES = 0.9, 20  # share of the places of a title after which a name comes; the fewest of them


class LineStart(IntEnum):
    """What may begin a line: a sentence, a word that always has a capital, one that has it nowhere else."""

    SENTENCE = 0
    NAME = 1
    OPENING = 2


@dataclass(frozen=True, slots=True)
class Lines:
    """How the corpus sets verse and capitals.

    `openings` are the words that have a capital only where a sentence or a line begins, `widths` the characters after
    which the corpus ends a line rather than not, before each LineStart; empty for a corpus without verse. After
    `capitals` a word has a capital: these are markers before a sentence, and titles, as `Mrs.`.
    """

    openings: frozenset[Name] = frozenset()
    widths: tuple[Count, ...] = ()
    capitals: frozenset[Name] = frozenset()

    def broken(self, script: Sequence[str]) -> list[str]:
        """Return the tokens of a script with LINE before each word that begins another line of a speech in verse.

        Verse begins at an opening within a sentence, and ends at a line that is too long for verse. What follows a
        token does not matter, so a script may be printed while it is written.
        """
        found: list[str] = []
        width, before = 0, ""
        verse = spoken = bracketed = False
        for token in script:
            start = self.start_of(before, token) if spoken and not bracketed else None
            if start is not None and self.end_at(width, start):
                verse, width = verse or start is LineStart.OPENING, 0
                found += [LINE] * verse
            found.append(token)
            width += width_of(token)
            verse = verse and width <= _LONGEST
            bracketed = token == OPEN_BRACKET or (bracketed and token != CLOSE_BRACKET)
            if token in (OPEN_NAME, OPEN_EXPOSITION, CLOSE_NAME):
                spoken, bracketed, width = token == CLOSE_NAME, False, 0
            before = token
        return found

    def end_at(self, width: int, start: LineStart) -> bool:
        """Return whether a line of that many characters ends before what may begin another."""
        return bool(self.widths) and width >= self.widths[start]

    def start_of(self, before: str, token: str) -> LineStart | None:
        """Return what a line would begin with at a token; None where none can begin."""
        if before in ENDERS and (token not in MARKERS or token == OPEN_BRACKET):
            return LineStart.SENTENCE
        if before in MARKERS or token in MARKERS or not token.lstrip("'")[:1].isupper():
            return None
        return LineStart.OPENING if token in self.openings else LineStart.NAME


def width_of(token: str) -> int:
    """Return the characters that a token takes on its line, about."""
    return 1 if token in MARKERS else len(token) + (token not in PUNCTUATION and token[0] != "'")


def lines_of(train: Ids, starts: Flags, lexicon: Sequence[str], known: Collection[str]) -> Lines:
    """Return how a training split sets verse, given where its lines begin; `train` holds numbers of `lexicon`.

    Only words that are `known` are openings.
    """
    marker = np.array([token in MARKERS for token in lexicon])
    within = ~marker[train]
    within[1:] &= ~marker[train[:-1]]
    within[:1] = False
    counts = np.bincount(train[within & (starts == 0)], minlength=len(lexicon))
    numbers = {token: number for number, token in enumerate(lexicon)}
    known = numbers.keys() & known  # a model that started from another one knows other words, too
    openings = frozenset(
        token
        for token in known
        if token.lstrip("'").istitle()
        and token.lower() in known
        and counts[numbers[token]] <= _NAMES * counts[numbers[token.lower()]]
    )
    widths = _widths(train, starts, lexicon, openings) if starts.any() else ()
    return Lines(openings, widths, _capitals(train, lexicon))


def is_small(token: str) -> bool:
    """Return whether a word has a small letter where a sentence would have a capital."""
    return token.lstrip("'")[:1].islower()


def _capitals(train: Ids, lexicon: Sequence[str]) -> frozenset[str]:
    """Return the markers and the titles after which hardly a word begins with a small letter."""
    small = np.array([token not in MARKERS and is_small(token) for token in lexicon])
    large = np.array([token[0].isupper() for token in lexicon])
    before, after, size = train[:-1], train[1:], len(lexicon)
    counts, larges, smalls = (
        np.bincount(before, weights, size) for weights in (np.ones(len(after)), large[after], small[after])
    )
    starts = np.array([token in _STARTS for token in lexicon])
    titles = np.array([token not in MARKERS for token in lexicon]) & (counts >= _TIMES) & (larges >= _TITLED * counts)
    return frozenset(itertools.compress(lexicon, (starts | titles) & (counts > 0) & (smalls <= _MISPRINTS * counts)))


def _widths(train: Ids, starts: Flags, lexicon: Sequence[str], openings: frozenset[str]) -> tuple[int, ...]:
    """Return for each LineStart the width at which lines end rather than not, in the speeches that have lines."""
    lines = Lines(openings)
    ends, continues = np.zeros((2, len(LineStart), _WIDEST + 1), np.int64)
    edges = np.flatnonzero(np.isin(train, [lexicon.index(mark) for mark in EDGES if mark in lexicon]))
    for first, end in itertools.pairwise([*edges.tolist(), len(train)]):
        if not starts[first:end].any():
            continue
        width, before = 0, CLOSE_NAME
        for number, begins in zip(train[first + 3 : end].tolist(), starts[first + 3 : end].tolist(), strict=True):
            token = lexicon[number]
            start = lines.start_of(before, token)
            if start is not None:
                (ends if begins else continues)[start, min(width, _WIDEST)] += 1
            width = width_of(token) + (0 if begins else width)
            before = token
    wrong = np.cumsum(ends, axis=1) - ends + np.cumsum(continues[:, ::-1], axis=1)[:, ::-1]
    return tuple(np.argmin(wrong, axis=1).tolist())
