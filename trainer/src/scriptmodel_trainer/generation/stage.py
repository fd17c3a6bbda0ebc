"""The ledger of the stage: who has left, who has just entered, what was said, and what does not fit that."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence, Set
from copy import copy
from typing import Self

from scriptmodel_trainer.corpus.tokens import (
    CLOSE_BRACKET,
    CLOSE_EXPOSITION,
    CLOSE_NAME,
    ENDERS,
    OPEN_BRACKET,
    OPEN_EXPOSITION,
    OPEN_NAME,
    PUNCTUATION,
    is_word,
)

_ENTERS = frozenset(("enter", "enters", "entering", "re-enter", "re-enters", "returns"))
_LEAVES = frozenset(("exit", "exits", "exeunt"))
_GOES = frozenset(("goes", "go", "runs", "rushes", "walks", "hurries"))
_AWAY = frozenset(("out", "off", "away"))
_BACK = 50  # sentences among which the same one is a repetition


class Stage:
    """Who is on after some tokens of a script: everybody who has not left.

    `people` are those of `names` by the words that name nobody else; `titles`, as `Mrs.`, may precede them.
    """

    def __init__(self, names: Iterable[str], people: Mapping[str, str], titles: Set[str]) -> None:
        self._names, self._people, self._titles = frozenset(names), people, titles
        self._parts = {part.casefold() for name in self._names for part in name.split("_")} | titles
        self._speaker = ""
        self._off: frozenset[str] = frozenset()
        self._entered: frozenset[str] = frozenset()  # and nobody has spoken to them, nor they
        self._said: deque[tuple[str, ...]] = deque(maxlen=_BACK)
        self._sentence: tuple[str, ...] = ()  # of a speech, so far
        self._direction: tuple[str, ...] | None = None  # that is open
        self._headed = False  # by a heading, and nothing happened since
        self._last = ""

    def copy(self) -> Self:
        same = copy(self)
        same._said = self._said.copy()
        return same

    def play(self, tokens: Iterable[str]) -> int:
        """Move on by some tokens; returns how many of them do not fit.

        These are speeches by who is off, addresses to them or to oneself, entrances that nobody takes notice of in the
        next speech, or of nobody, sentences that were said shortly before, and a heading below another one.
        """
        return sum(map(self._put, tokens))

    def _put(self, token: str) -> int:
        before, self._last = self._last, token
        if before == OPEN_NAME:
            self._headed = False
            self._speaker, absent = token, token in self._off
            self._off -= {token}
            if token in self._entered:
                self._entered = frozenset()
            return absent
        if token == OPEN_NAME:
            unnoticed = bool(self._entered and before not in (CLOSE_EXPOSITION, ""))
            self._entered = frozenset() if unnoticed else self._entered
            return unnoticed
        if token in (OPEN_BRACKET, OPEN_EXPOSITION):
            self._direction = ()
        elif self._direction is not None:
            return self._direct(token, self._direction)
        elif token != CLOSE_NAME:
            return self._say(token)
        return 0

    def _direct(self, token: str, direction: tuple[str, ...]) -> int:
        """Move on within a direction; each of its sentences may be the end of a take."""
        closes = token in (CLOSE_BRACKET, CLOSE_EXPOSITION)
        self._direction = direction = (*direction, token)
        faults = 0
        if token in ENDERS or (closes and not set(direction) & ENDERS):
            faults = self._again(tuple(word.casefold() for word in direction)) + self._heads_again(direction)
            faults += self._enters_nobody(direction)
        if closes:
            self._happens([word.casefold() for word in direction])
            self._direction = None
        return faults

    def _heads_again(self, direction: tuple[str, ...]) -> bool:
        """Return whether this is a heading, in capitals, right below another one."""
        words = [word for word in direction if is_word(word)]
        below, self._headed = self._headed, bool(words) and all(map(str.isupper, words))
        return below and self._headed

    def _enters_nobody(self, direction: Sequence[str]) -> bool:
        """Return whether a number enters, or capitals that are no part of a name, as in `Enter SCENE.`"""
        enters, who = [*filter(is_word, direction), "", ""][:2]
        capitals = who.isdigit() or (who.isupper() and not enters.isupper())
        return enters.casefold() in _ENTERS and capitals and who.casefold() not in self._parts

    def _say(self, token: str) -> int:
        faults = 0
        if not is_word(token) and self._sentence:
            faults += self._addressed(self._sentence)
        self._sentence += (token.casefold(),)
        if token in ENDERS:
            faults += self._again(self._sentence)
            self._sentence = ()
        elif name := self._people.get(token.casefold()):
            self._entered -= {name}
        return faults

    def _again(self, words: tuple[str, ...]) -> bool:
        """Return whether the same was said, or happened, shortly before."""
        again = words in self._said
        self._said.append(words)
        return again

    def _addressed(self, words: Sequence[str]) -> int:
        """Return whether the last word addresses, as between commas, the speaker or somebody who is off."""
        name = self._people.get(words[-1])
        rest = words[:-1]
        if rest and rest[-1] in self._titles:
            rest = rest[:-1]
        alone = not rest or rest[-1] in PUNCTUATION
        return name is not None and alone and (name == self._speaker or name in self._off)

    def _happens(self, direction: Sequence[str]) -> None:
        """Follow who enters and who leaves in a direction."""
        words = set(direction)
        named = frozenset(self._people[word] for word in words if word in self._people)
        if words & _ENTERS or {"comes", "in"} <= words:
            self._off = self._off - named if named else frozenset()  # anybody may be among `two lords`
            self._entered = named
        elif "exeunt" in words and not named:
            self._off = self._names
        elif words & _LEAVES or (words & _GOES and words & _AWAY):
            self._off |= named or {self._speaker}
        elif self._headed:  # another scene
            self._off = frozenset()
