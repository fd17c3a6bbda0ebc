"""Single letters before words: people, as in `E. Who is there?`, or initials (`E. Gull`), numbers and lists.

Common words, too: `Wait. What is it?` may be what the Wait says.
"""

import operator
import re
from collections import Counter
from collections.abc import Sequence, Set

from scriptmodel_trainer.corpus.layouts.cues import Cue
from scriptmodel_trainer.corpus.layouts.names import is_common, is_letter, times_required

_start = operator.attrgetter("start")
_IN_ORDER = 0.7  # of the letters that follow others
_FIRST_WORD = re.compile(r"[\s_\"“‘'—-]*(?:(?P<bracket>[\[(])|(?P<word>[^\W\d_a-z][^\W\d_]*)(?![.:]|[^\W\d_]))")


class Letters:
    """Counts over the paragraphs of a sample, what begins with a single letter among them."""

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()
        self._turns: Counter[str] = Counter()  # after somebody else
        self._words: dict[str, Counter[str]] = {}  # the first one said
        self._last = self._waiting = ""
        self._pairs = self._ordered = 0

    def read(self, text: str, cues: Sequence[Cue]) -> None:
        """Count a paragraph that has these cues, in any order."""
        if self._waiting and not cues:
            self._say(self._waiting, text)
        self._waiting = ""
        ordered = sorted(cues, key=_start) if len(cues) > 1 else cues
        for cue in ordered:
            name = cue.name
            if not cue.italic and (is_letter(name) or is_common(name)):
                self._begun[name] += 1
                self._turns[name] += name != self._last
                if is_letter(name) and is_letter(self._last):
                    self._pairs += 1
                    self._ordered += ord(name) - ord(self._last) == 1
                said = text[cue.end :]
                if cue.direction:
                    said = f"({said}"
                if said.strip():
                    self._say(name, said)
                elif cue is ordered[-1]:
                    self._waiting = name
            self._last = name

    def no_names(self, lower: Counter[str]) -> Set[str]:
        """The letters and words that are nobody's name; `lower` are words that the file writes small, too.

        A speaker of that name speaks often and after others, and starts with various words. After an initial comes a
        name. Letters of a list follow one another.
        """
        listed = self._ordered > _IN_ORDER * self._pairs and self._pairs > 1
        return {name for name in self._begun if (listed and is_letter(name)) or not self._speaks(name, lower)}

    def _say(self, name: str, said: str) -> None:
        match = _FIRST_WORD.match(said)
        if match is not None:
            self._words.setdefault(name, Counter())[match["word"] or "("] += 1

    def _speaks(self, name: str, lower: Counter[str]) -> bool:
        count = self._begun[name]
        words = self._words.get(name, Counter())
        said = sum(
            many for word, many in words.items() if not word[0].isalpha() or len(word) == 1 or lower[word.lower()]
        )
        most = max((many for word, many in words.items() if word[0].isalpha()), default=0)
        return count >= times_required(name) and min(said, self._turns[name]) > count // 2 and most <= count // 2
