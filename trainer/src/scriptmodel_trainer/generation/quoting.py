"""The real lines of a corpus in the numbers of a model: which may fit a scene, with the names of its people."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.tokens import event_tokens, name_token
from scriptmodel_trainer.generation.casting import name_parts
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.storage.arrays import Floats, Ids

if TYPE_CHECKING:
    from scriptmodel_trainer.corpus.speeches import RealLine  # loads all layouts

_TITLE_WORDS = "mr mrs miss lady lord sir dr doctor mme aunt uncle judge captain major general colonel old young the"
TITLES = frozenset(_TITLE_WORDS.split())
_LAST_WORD = re.compile(r"(?<!\w)(\w+)\.?\s$")
_OPENS, _CLOSES = re.compile(r"(^|, )$"), re.compile(r"\W*$|[,;.!?]")  # beside the name of who is addressed
_CAPITAL = re.compile(r"[^\W\d_a-z]\w+\.?")


class Quotable:
    """The lines of a corpus."""

    def __init__(self, lines: Sequence[RealLine], vocabulary: Vocabulary) -> None:
        self.lines = lines
        self._ids = [tokens_of(line.text, vocabulary) for line in lines]
        sizes = np.array([len(ids) for ids in self._ids])
        self._all, self._starts, self._sizes = np.concatenate(self._ids), np.cumsum(sizes) - sizes, sizes
        counts = np.bincount(self._all, minlength=len(vocabulary)).astype(np.float32) + np.float32(0.5)
        self.usual: Floats = counts / counts.sum()
        """Share of each token of the vocabulary, (V,)."""
        people: defaultdict[str, set[str]] = defaultdict(set)
        for line in lines:
            people[line.play].add(name_token(line.speaker))
        self._people = {
            play: {part for name in names for part in name_parts(name) if len(part) > 2} - TITLES
            for play, names in people.items()
        }

    def nearest(self, begins: Floats, topic: Floats) -> npt.NDArray[np.int64]:
        """Return the numbers of all lines, those first whose words the scene calls for: the first, cheap pass.

        Of each token of the vocabulary (V,) are given how much likelier than usual it `begins` the reply, and is in it.
        """
        gains = topic[self._all]
        gains[self._starts] = begins[self._all[self._starts]]
        order: npt.NDArray[np.int64] = np.argsort(-np.add.reduceat(gains, self._starts) / self._sizes, kind="stable")
        return order

    def fitted(self, number: int, known: Collection[str], addressed: str) -> str | None:
        """Return a line with the name of who is `addressed` in place of another one; None if it names others.

        Names with `known` parts stay. A name is replaced where it addresses somebody: between commas, or at the end.
        """
        line = self.lines[number]
        foreign = self._people[line.play].difference(known)
        text, at = line.text, 0
        while found := _CAPITAL.search(text, at):
            at = found.end()
            if found[0].rstrip(".").casefold() not in foreign:
                continue
            begin, end = found.start(), found.start() + len(found[0].rstrip("."))
            while before := _LAST_WORD.search(text[:begin]):
                if before[1].casefold() not in TITLES:
                    break
                begin = before.start()
            vocative = _OPENS.search(text[:begin]) and _CLOSES.match(text[end:])
            if not (vocative and addressed):
                return None
            text, at = text[:begin] + addressed + text[end:], begin + len(addressed)
        return text


def tokens_of(text: str, vocabulary: Vocabulary) -> Ids:
    """Return the numbers of what is said."""
    return vocabulary.encode(event_tokens(Event(EventKind.SPEECH, text)))
