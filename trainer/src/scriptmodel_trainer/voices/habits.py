"""What a draft does that its corpus does not: words and turns that it never has, and tics."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from scriptmodel_trainer.corpus.speeches import Speech
from scriptmodel_trainer.voices.speeches import NAME, Turn, Turns

_LEAST_EXPECTED = 5.0
"""How often chance alone would bring two words together in a corpus that never has them together."""
_LEAST_COUNT, _LEAST_RATIO, _LEAST_G2 = 4, 3.0, 15.0
"""A tic is there at least so many times, so many times as often as in the corpus, and that is no chance."""
_MOST_TICS, _MOST_PLACES = 20, 8
_NO_NAMES = frozenset(("i", "i'm", "i'll", "i've", "i'd", "o"))
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
    """The turns of a corpus, and how often it has them."""

    def __init__(self, corpus: Sequence[Speech], turns: Turns) -> None:
        self._turns = turns
        self.counts = Counter[Turn]()
        self._small = set[str]()
        """Words that have no capital somewhere; others are names and titles."""
        for speech in corpus:
            self.counts.update(turns(speech))
            self._small.update(filter(str.islower, speech.words))
        self._total = sum(count for turn, count in self.counts.items() if len(turn) == 1)

    def new_words(self, speech: Speech) -> list[str]:
        """Return the words of a speech that the corpus never has; names of speakers are none."""
        words = (word for word in speech.words if not self._turns.is_name(word))
        return list(dict.fromkeys(word for word in words if (word.lower(),) not in self.counts))

    def new_turns(self, speech: Speech) -> list[str]:
        """Return pairs of words that the corpus never has together, although it has both so often."""
        pairs = (turn for turn in self._turns(speech, 2) if len(turn) == 2 and NAME not in turn)
        return list(dict.fromkeys(" ".join(pair) for pair in pairs if self._never_meet(*pair)))

    def _never_meet(self, first: str, second: str) -> bool:
        expected = self.counts[first,] * self.counts[second,] / self._total
        return expected >= _LEAST_EXPECTED and (first, second) not in self.counts

    def tics(self, draft: Sequence[Speech]) -> list[Tic]:
        """Return the tics, the most striking first, by Dunning's G² (Computational Linguistics 19(1), 1993)."""
        places = defaultdict[Turn, list[Speech]](list)
        for speech in draft:
            for turn in self._turns(speech):
                places[turn].append(speech)
        total = sum(len(found) for turn, found in places.items() if len(turn) == 1)
        small = self._small.union(word for speech in draft for word in speech.words if word.islower())
        within = {word for speech in draft for clause in speech.clauses for word in clause[1:] if not word.islower()}
        names = {word.lower() for word in within} | {turn[0] for turn in self.counts if len(turn) == 1}
        silent = (names - small - _NO_NAMES) | {NAME, *"bcdefghjklmnpqrstuvwxyz"}
        scored = []
        for turn, found in places.items():
            expected = self.counts[turn] * total / self._total
            often = len(found) >= max(_LEAST_COUNT, _LEAST_RATIO * expected) and silent.isdisjoint(turn)
            if often and (g2 := self._g2(turn, len(found), total)) >= _LEAST_G2:
                who, _ = Counter(speech.speaker for speech in found).most_common(1)[0]
                lines = tuple(dict.fromkeys(speech.line for speech in found))[:_MOST_PLACES]
                scored.append((g2, Tic(" ".join(turn), len(found), expected, who, lines)))
        scored.sort(key=lambda each: (-each[0], each[1].words))
        return _without_parts([tic for _, tic in scored])[:_MOST_TICS]

    def _g2(self, turn: Turn, count: int, total: int) -> float:
        known = self.counts[turn]
        share = (count + known) / (total + self._total)
        return 2 * sum(
            seen * math.log(seen / (size * share)) for seen, size in ((count, total), (known, self._total)) if seen
        )


def _without_parts(tics: Sequence[Tic]) -> list[Tic]:
    """Drop a tic that contains, or is part of, a more striking one of a similar count."""
    kept: list[Tic] = []
    for tic in tics:
        near = (each for each in kept if f" {tic.words} " in f" {each.words} " or f" {each.words} " in f" {tic.words} ")
        if not any(min(each.count, tic.count) * 2 > max(each.count, tic.count) for each in near):
            kept.append(tic)
    return kept
