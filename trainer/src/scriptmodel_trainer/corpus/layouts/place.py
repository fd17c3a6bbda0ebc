"""A paragraph of a play in its context."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scriptmodel_trainer.corpus.events import Event
from scriptmodel_trainer.corpus.layouts.body import Body
from scriptmodel_trainer.corpus.layouts.cues import Cue
from scriptmodel_trainer.corpus.layouts.evidence import Evidence, fact


@dataclass(frozen=True)
class Place:
    """A paragraph in its context: the play so far, and the paragraphs that follow."""

    body: Body
    paragraph: Evidence
    ahead: Iterable[Evidence]

    @property
    def text(self) -> str:
        """The text of the paragraph."""
        return self.paragraph.text

    @fact
    def cues(self) -> list[Cue]:
        """Who speaks in the paragraph."""
        return self.body.recognizer.meet(self.paragraph)

    def next(self, count: int) -> Iterator[Evidence]:
        """Yield the next paragraphs, at most so many."""
        return itertools.islice(self.ahead, count)

    def exposition(self, doubtful: bool = False) -> Iterator[Event]:
        """Give all of it as a direction."""
        return self.body.exposition(self.text, self.paragraph.line, doubtful)

    def words(self) -> Iterator[Event]:
        """Give all of it as words of the one who speaks."""
        return self.body.lines(self.text, self.paragraph.line)
