"""Where the lines of verse begin among the tokens of a speech, and the plays of a file."""

from __future__ import annotations

import itertools
import re
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from scriptmodel_trainer.corpus.events import Event
from scriptmodel_trainer.corpus.tokens import CLOSE_NAME, MARKERS, OPEN_BRACKET, OPEN_NAME, OPEN_QUOTE, PUNCTUATION

_VERSE = 0.2
"""Share of the spoken tokens in lines that makes a play one in verse: songs are enough."""
_OPENERS = (OPEN_BRACKET, OPEN_QUOTE)
_NO_WORDS, _NUMBER_BESIDE = re.compile(r"\.(train|valid|test)$|[^\w’']+|_"), re.compile(r"^\d+ | \d+$")  # of a name


def title_of_file(name: str) -> str:
    """Return the title that a file's name gives its play."""
    stem = " ".join(_NO_WORDS.sub(" ", PurePath(name).stem).split())
    return _NUMBER_BESIDE.sub("", stem) or stem


@dataclass(frozen=True, slots=True)
class PlayFacts:
    """A play of the corpus: its file and title, the tokens of its speakers, most frequent first, and whether in verse.

    The title is empty where the file is one play. `capitalised` are the numbers of the words that have a capital within
    a sentence, or capitals only.
    """

    file: str
    title: str
    speakers: tuple[str, ...]
    verse: bool
    capitalised: array[int]


@dataclass(slots=True)
class PlayCounts:
    """Counts of one play while its file is read."""

    title: str = ""
    names: Counter[str] = field(default_factory=Counter)
    spoken: int = 0
    lined: int = 0  # tokens of verse
    capitalised: set[str] = field(default_factory=set)

    def add(self, event: Event, tokens: Sequence[str]) -> None:
        """Count an event, given its tokens."""
        if OPEN_NAME in tokens:
            self.names.update(name for mark, name in itertools.pairwise(tokens) if mark == OPEN_NAME)
            self.spoken += len(tokens)
            self.lined += len(tokens) if "\n" in event.text else 0
        for before, word in itertools.pairwise(tokens):
            if word[0].isupper() and (before not in MARKERS or (len(word) > 1 and word.isupper())):
                self.capitalised.add(word)

    def facts(self, file: str, number: Callable[[str], int], *, alone: bool) -> PlayFacts:
        """Return the facts of a play, given the `number` of a token; one that is `alone` in its file has no title."""
        speakers = tuple(name for name, _ in self.names.most_common())
        verse, capitalised = self.lined > _VERSE * self.spoken, array("i", map(number, sorted(self.capitalised)))
        return PlayFacts(file, "" if alone else self.title, speakers, verse, capitalised)


def line_starts(text: str, tokens: Sequence[str]) -> list[int]:
    """Return the places in the tokens of a speech at which its lines begin, but for the first one.

    Letters and digits are counted: each of them is in one token, whatever becomes of spaces and marks.
    """
    ends = list(itertools.accumulate(map(_letters, text.split("\n")[:-1])))[::-1]
    starts: list[int] = []
    seen, body = 0, tokens.index(CLOSE_NAME) + 1 if CLOSE_NAME in tokens else 0
    for place, token in enumerate(tokens[body:], body):
        word = token not in MARKERS and token not in PUNCTUATION
        if ends and seen >= ends[-1] > 0 and (word or token in _OPENERS):
            starts.append(place)
            while ends and ends[-1] <= seen:
                ends.pop()
        seen += _letters(token) if word else 0
    return starts


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))
