"""Whose speech a speech sounds like among the characters, or the authors, of some plays, and by which words.

Of each turn of one or two words counts how much likelier it is in what somebody says than in all of the plays, whose
shares smooth the counts (Zhai and Lafferty 2004, Dirichlet prior).
"""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.voices.speeches import NAME, Turn

LONGEST = 2
"""Words of the turns by which a voice is known."""
_PRIOR = 8000.0
"""Turns of all plays that are added to those of a voice: with so many, who says more is not likelier for it."""
_SURE, _LIKELY = 9.0, 3.0
"""Nats by which a voice is ahead of the next one, from which on it is so `clearly`, or `rather`."""
_NAMED, _OFTEN = 4, 3
"""Turns that explain a likeness; to be said more often explains no more, as of "the"."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """The voice that a text is most like, by how many nats it is ahead of the next one, and the words that tell."""

    voice: str
    ahead: float
    next: str
    words: tuple[str, ...]

    @property
    def how(self) -> str:
        return "clearly" if self.ahead >= _SURE else "rather" if self.ahead >= _LIKELY else "perhaps"


class Voices:
    """Some voices by name, with the turns of each of their speeches; of each at most so many turns are compared."""

    def __init__(self, speeches: Mapping[str, Sequence[Sequence[Turn]]], most: int, usual: Counter[Turn]) -> None:
        self.names = tuple(speeches) if len(speeches) > 1 else ()
        self._counts = [Counter(itertools.chain.from_iterable(_evenly(speeches[name], most))) for name in self.names]
        self._costs = np.log1p(np.array([each.total() for each in self._counts]) / _PRIOR)
        self._usual, self._total = usual, usual.total()
        self._gains: dict[Turn, npt.NDArray[np.float64]] = {}

    def likeness(self, turns: Sequence[Turn]) -> Likeness | None:
        """Return the voice that some turns are most like; None if there are not two."""
        if not (self.names and turns):
            return None
        scores = np.sum([self._gain(turn) for turn in turns], axis=0)
        best, second = np.argsort(-scores, kind="stable")[:2]
        said = Counter(turn for turn in turns if NAME not in turn)
        gains = {turn: min(count, _OFTEN) * float(self._gain(turn)[best]) for turn, count in said.items()}
        telling = sorted((turn for turn in gains if gains[turn] > 0), key=lambda turn: -gains[turn])
        words = tuple(" ".join(turn) for turn in telling[:_NAMED])
        return Likeness(self.names[best], float(scores[best] - scores[second]), self.names[second], words)

    def _gain(self, turn: Turn) -> npt.NDArray[np.float64]:
        """Return by how many nats each voice has a turn rather than all of the plays."""
        if turn not in self._gains:
            counts = np.array([each[turn] for each in self._counts])
            self._gains[turn] = np.log1p(counts * (self._total / _PRIOR / max(1, self._usual[turn]))) - self._costs
        return self._gains[turn]


def _evenly(speeches: Sequence[Sequence[Turn]], most: int) -> Sequence[Sequence[Turn]]:
    """Return speeches from everywhere that have about so many turns together, all of them if they have fewer."""
    step = max(1.0, sum(map(len, speeches)) / most)
    return [speeches[int(number * step)] for number in range(int(len(speeches) / step))] or speeches[:1]
