"""The page that a script is written on: what is there so far, and what that demands of the next word."""

from copy import copy
from typing import Self

import numpy as np

from scriptmodel_trainer.corpus.tokens import CLOSE_BRACKET, MARKERS, OPEN_BRACKET
from scriptmodel_trainer.generation.grammar import Grammar, Kind, Place, cost
from scriptmodel_trainer.model.subwords import CONTINUES
from scriptmodel_trainer.model.verse import Lines, LineStart, width_of
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.storage.arrays import Floats

Names = dict[int, "Names"]
"""Names of a cast by the number of their next piece; the last piece is the marker that closes a name."""


class Page:
    """The script so far, with the grammar's state and the network's logits after it.

    `names` are those that may come next in the place of a name; empty without a cast. `strangers` are words that name
    people of other plays, `proper` those that may follow a title, unless it is in capitals; empty if any may. A name
    has at most `longest_name` words after its first.
    """

    def __init__(self, vocabulary: Vocabulary, grammar: Grammar, budget: int, names: Names, lines: Lines) -> None:
        self.script: list[str] = []
        self.logits: Floats = np.zeros(len(vocabulary), np.float32)
        self.position = grammar.start
        self.given = 0  # tokens of the text that the script continues
        self.last = 0  # number of the last token
        self.used = 0
        self.speaker: int | None = None  # of the last speech, unless a direction followed
        self.width = 0  # characters of the present line
        self.bracketed = False
        self.aside = 0  # tokens in the bracket, quote or direction that is open
        self.silent = False  # nothing but asides has been said in the present speech
        self._mark, self._outer = "", ""  # the last marker; the one before the bracket that is open
        self.names = names
        self.printed: dict[str, str] = {}  # names in place of the voices of others
        self._cast = names
        self.strangers: list[int] = []
        self.proper: list[int] = []
        self.longest_name = 0
        self._lines = lines
        self._budget = budget
        self._vocabulary = vocabulary
        self._grammar = grammar

    def copy(self) -> Self:
        """Return a page with the same script, which continues by itself."""
        same = copy(self)
        same.script = [*self.script]
        return same

    @property
    def left(self) -> int:
        """Words that may still be written."""
        return self._budget - self.used

    @property
    def begins_line(self) -> bool:
        """True where a word with a capital may begin another line of verse."""
        speaks = self.position.place is Place.SPEECH and not self.bracketed
        return speaks and self._lines.end_at(self.width, LineStart.OPENING)

    @property
    def turns(self) -> bool:
        """True where the text that is continued ends its last speech with a sentence: somebody else speaks."""
        ends = self.position.final and self.script[-1] != CLOSE_BRACKET
        return ends and len(self.script) == self.given

    @property
    def needs_capital(self) -> bool:
        """True where the corpus begins a sentence with a capital, or a name after a title."""
        return self.titled or (not self.position.sentence and self._mark in self._lines.capitals)

    @property
    def titled(self) -> bool:
        """True after a title, as `Mrs.`, which a name follows."""
        return self.position.last is Kind.WORD and self.script[-1] in self._lines.capitals

    def put(self, token: str, kind: Kind) -> int:
        """Write one token down; returns its number, which the network reads next."""
        number = self._vocabulary.id_of(self._vocabulary.known_form(token))
        named = self.position.place in (Place.NAME, Place.NAMED)
        self.names = self.names.get(number, {}) if named and kind is not Kind.CLOSE_NAME else self._cast
        self.used += self.printed.get(token, token).count("_") if named else 0
        self.last = number
        if kind is Kind.CONTINUATION:
            self.width += len(token.removeprefix(CONTINUES))
            self.script.append(token)
            return number
        self.used += cost(self.position, kind)
        self.position = self._grammar.advance(self.position, kind)
        start = self._lines.start_of(self.script[-1], token) if self.script and not self.bracketed else None
        if token == OPEN_BRACKET:
            self._outer, self._mark = self._mark, token
        elif token in MARKERS:
            self._mark = self._outer if token == CLOSE_BRACKET else token
        self.bracketed = any(group is Kind.OPEN_BRACKET for group, _ in self.position.groups)
        self.aside = self.aside + 1 if self.position.groups or self.position.place is Place.EXPOSITION else 0
        self.silent = kind is Kind.CLOSE_NAME or (self.silent and (self.bracketed or kind is not Kind.WORD))
        ends = named or (start is not None and self._lines.end_at(self.width, start))
        self.width = (0 if ends else self.width) + width_of(token)
        self.script.append(token)
        if kind is Kind.NAME:
            self.speaker = number
        elif kind is Kind.OPEN_EXPOSITION:
            self.speaker = None
        return number
