"""Where lines of verse begin in a script, and which words have a capital only there or at the start of a sentence.

The tokens of verse keep the capital that a poet gives the first word of a line. So a script needs no token for the end
of a line: a word that has no capital within sentences of prose begins one.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from scriptmodel_trainer.arrays import Flags, Ids
from scriptmodel_trainer.corpus.tokens import (
    CLOSE_BRACKET,
    CLOSE_NAME,
    ENDERS,
    LINE,
    MARKERS,
    OPEN_BRACKET,
    OPEN_EXPOSITION,
    OPEN_NAME,
    PUNCTUATION,
)

_NAMES = 0.1
"""Share of a word's places within sentences at which it has a capital: a name has it more often."""
_WIDEST = 200  # characters
_EDGES = (OPEN_NAME, OPEN_EXPOSITION)


class Start(IntEnum):
    """What may begin a line: a sentence, a word that always has a capital, one that has it nowhere else."""

    SENTENCE = 0
    NAME = 1
    OPENING = 2


@dataclass(frozen=True, slots=True)
class Lines:
    """How the corpus sets verse.

    `openings` are the words that have a capital only where a sentence or a line begins, `widths` the characters after
    which the corpus ends a line rather than not, before each kind of Start; empty for a corpus without verse.
    """

    openings: frozenset[str] = frozenset()
    widths: tuple[int, ...] = ()

    def broken(self, script: Sequence[str]) -> list[str]:
        """Return the tokens of a script with LINE before each word that begins another line of a speech in verse."""
        found: list[str] = []
        for speech in _speeches(script):
            starts = set(self._starts(speech))
            for place, token in enumerate(speech):
                found += (LINE, token) if place in starts else (token,)
        return found

    def _starts(self, speech: Sequence[str]) -> list[int]:
        """Return the places of a speech at which lines begin; none in prose, which has no openings in sentences."""
        if CLOSE_NAME not in speech:
            return []
        starts, width, verse, before, bracketed = [], 0, False, CLOSE_NAME, False
        for place, token in enumerate(speech[speech.index(CLOSE_NAME) + 1 :], speech.index(CLOSE_NAME) + 1):
            start = None if bracketed else self.start_of(before, token)
            bracketed = token == OPEN_BRACKET or (bracketed and token != CLOSE_BRACKET)
            if start is not None and self.end_at(width, start):
                starts.append(place)
                width, verse = 0, verse or start is Start.OPENING
            width += width_of(token)
            before = token
        return starts if verse else []

    def end_at(self, width: int, start: Start) -> bool:
        """Return whether a line of that many characters ends before what may begin another."""
        return bool(self.widths) and width >= self.widths[start]

    def start_of(self, before: str, token: str) -> Start | None:
        """Return what a line would begin with at a token; None where none can begin."""
        if before in ENDERS and (token not in MARKERS or token == OPEN_BRACKET):
            return Start.SENTENCE
        if before in MARKERS or token in MARKERS or not token.lstrip("'")[:1].isupper():
            return None
        return Start.OPENING if token in self.openings else Start.NAME


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
    openings = frozenset(
        token
        for token in known
        if token.lstrip("'").istitle()
        and token.lower() in known
        and counts[numbers[token]] <= _NAMES * counts[numbers[token.lower()]]
    )
    return Lines(openings, _widths(train, starts, lexicon, openings) if starts.any() else ())


def _widths(train: Ids, starts: Flags, lexicon: Sequence[str], openings: frozenset[str]) -> tuple[int, ...]:
    """Return for each kind of Start the width at which lines end rather than not, in the speeches that have lines."""
    lines = Lines(openings)
    ends, continues = np.zeros((2, len(Start), _WIDEST + 1), np.int64)
    edges = np.flatnonzero(np.isin(train, [lexicon.index(mark) for mark in _EDGES if mark in lexicon]))
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


def _speeches(script: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the tokens of each speech or direction."""
    edges = [place for place, token in enumerate(script) if token in _EDGES]
    for first, end in itertools.pairwise([0, *edges, len(script)]):
        yield script[first:end]
