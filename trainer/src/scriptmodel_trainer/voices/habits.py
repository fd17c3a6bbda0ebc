"""What a draft does that its corpus does not: words and turns that it never has, and tics."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from scriptmodel_trainer.corpus.speeches import Speech
from scriptmodel_trainer.voices.speeches import Masked

_LEAST_EXPECTED = 5.0
"""How often chance alone would bring two words together in a corpus that never has them together."""
_LONGEST_TURN = 3
_LEAST_COUNT, _LEAST_RATIO, _LEAST_G2 = 4, 3.0, 15.0
"""A tic is there at least so many times, so many times as often as in the corpus, and that is no chance."""
_MOST_TICS, _MOST_PLACES = 20, 8
_ALWAYS = frozenset(("i", "i'm", "i'll", "i've", "i'd", "o"))
"""Words that have a capital wherever they are."""


@dataclass(frozen=True, slots=True)
class Tic:
    """A word or a turn that a draft has far more often than the corpus."""

    words: str
    count: int
    expected: float
    """How often the corpus would have it in a text of that length."""
    speaker: str
    """Who says most of it."""
    lines: tuple[int, ...]
    """Where the first ones are."""


class Habits:
    """The words of a corpus and how often it has them, and which follow which."""

    def __init__(self, corpus: Sequence[Speech], masked: Masked) -> None:
        self._masked = masked
        self._counts = Counter[tuple[str, ...]]()
        self._small = set[str]()
        """Words that have no capital somewhere; others are names and titles."""
        for speech in corpus:
            self._counts.update(_turns(speech))
            self._small.update(filter(str.islower, speech.words))
        self._total = sum(count for turn, count in self._counts.items() if len(turn) == 1)

    def new_words(self, speech: Speech) -> list[str]:
        """Return the words of a speech that the corpus never has; names of speakers are none."""
        words = (word for word in speech.words if not self._masked.is_name(word))
        return list(dict.fromkeys(word for word in words if (word.lower(),) not in self._counts))

    def new_turns(self, speech: Speech) -> list[str]:
        """Return pairs of words that the corpus never has together, although it has both so often."""
        pairs = (pair for clause in speech.clauses for pair in pairwise(map(self._named, clause)))
        return list(dict.fromkeys(f"{a} {b}" for a, b in pairs if self._never_meet(a, b)))

    def _named(self, word: str) -> str:
        return "" if self._masked.is_name(word) else word.lower()

    def _never_meet(self, first: str, second: str) -> bool:
        expected = self._counts[first,] * self._counts[second,] / self._total
        return expected >= _LEAST_EXPECTED and (first, second) not in self._counts

    def tics(self, draft: Sequence[Speech]) -> list[Tic]:
        """Return the tics, the most striking first, by Dunning's G² (Computational Linguistics 19(1), 1993)."""
        places = defaultdict[tuple[str, ...], list[Speech]](list)
        for speech in draft:
            for turn in _turns(speech):
                places[turn].append(speech)
        total = sum(len(found) for turn, found in places.items() if len(turn) == 1)
        small = self._small.union(word for speech in draft for word in speech.words if word.islower())
        within = {word for speech in draft for clause in speech.clauses for word in clause[1:] if not word.islower()}
        names = {word.lower() for word in within} | {turn[0] for turn in self._counts if len(turn) == 1}
        silent = (names - small - _ALWAYS) | {*"bcdefghjklmnpqrstuvwxyz"}
        scored = []
        for turn, found in places.items():
            expected = self._counts[turn] * total / self._total
            often = len(found) >= max(_LEAST_COUNT, _LEAST_RATIO * expected) and silent.isdisjoint(turn)
            said = " ".join(turn)
            if (
                often
                and not self._masked.is_name(said.title())
                and (g2 := self._g2(turn, len(found), total)) >= _LEAST_G2
            ):
                scored.append((g2, Tic(said, len(found), expected, _most(found), _lines(found))))
        scored.sort(key=lambda each: (-each[0], each[1].words))
        return _without_parts([tic for _, tic in scored])[:_MOST_TICS]

    def _g2(self, turn: tuple[str, ...], count: int, total: int) -> float:
        known = self._counts[turn]
        share = (count + known) / (total + self._total)
        return 2 * sum(
            seen * math.log(seen / (size * share)) for seen, size in ((count, total), (known, self._total)) if seen
        )


def _turns(speech: Speech) -> Iterator[tuple[str, ...]]:
    for clause in speech.clauses:
        words = [word.lower() for word in clause]
        for size in range(1, _LONGEST_TURN + 1):
            yield from (tuple(words[start : start + size]) for start in range(len(words) - size + 1))


def _most(found: Sequence[Speech]) -> str:
    return Counter(speech.speaker for speech in found).most_common(1)[0][0]


def _lines(found: Sequence[Speech]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(speech.line for speech in found))[:_MOST_PLACES]


def _without_parts(tics: Sequence[Tic]) -> list[Tic]:
    """Drop a tic that contains, or is part of, a more striking one of a similar count."""
    kept: list[Tic] = []
    for tic in tics:
        near = (each for each in kept if f" {tic.words} " in f" {each.words} " or f" {each.words} " in f" {tic.words} ")
        if not any(min(each.count, tic.count) * 2 > max(each.count, tic.count) for each in near):
            kept.append(tic)
    return kept
