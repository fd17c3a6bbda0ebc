"""Computes the share of a text that was understood as a script, which distinguishes plays from other files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from scriptmodel_trainer.corpus.events import Event, EventKind

DOUBTFUL = 0.5
"""A file of which a smaller share is understood does not look like a script."""
_SURE = 0.5  # confidence in a text that is taken as it is
COUNTED_SPEAKERS = 50_000
"""Speakers of a file that are counted: one of another kind may seem to have any number."""
_NAMED = 3  # files in a warning


@dataclass(slots=True)
class Tally:
    """Tokens of one file by what they are. In a script somebody speaks more than once; a headline does not."""

    layout: str
    trusted: bool  # the layout was requested, or the file shows it clearly
    tokens: int = 0
    _spoken: Counter[str] = field(default_factory=Counter)
    _speeches: Counter[str] = field(default_factory=Counter)
    _directions: int = 0
    _verbatim: int = 0

    def add(self, event: Event, tokens: int) -> None:
        """Count an event of that many tokens."""
        self.tokens += tokens
        if event.kind is EventKind.SPEECH:
            if event.speaker in self._spoken or len(self._spoken) < COUNTED_SPEAKERS:
                self._spoken[event.speaker] += tokens
                self._speeches[event.speaker] += not event.continued
        elif event.kind is EventKind.VERBATIM:
            self._verbatim += tokens
        elif not event.doubtful:
            self._directions += tokens

    @property
    def understood(self) -> int:
        """Tokens of speeches by those who speak more than once, of directions between them, of trusted plain text."""
        spoken = sum(tokens for speaker, tokens in self._spoken.items() if self._speeches[speaker] > 1)
        return spoken + (self._directions if spoken else 0) + (self._verbatim if self.trusted else 0)

    @property
    def share(self) -> float:
        """Share of the file's tokens that was understood, 0 to 1; 1 for a file of nothing."""
        return self.understood / self.tokens if self.tokens else 1.0


def tally_of(layout: str, confidence: float, *, requested: bool) -> Tally:
    """A tally for a file that is read in that layout."""
    return Tally(layout, requested or confidence >= _SURE)


def share_understood(tallies: Iterable[Tally]) -> float:
    """Share of all tokens that was understood."""
    counted = list(tallies)
    tokens = sum(tally.tokens for tally in counted)
    return sum(tally.understood for tally in counted) / tokens if tokens else 1.0


def doubt(tallies: Iterable[tuple[str, Tally]]) -> str:
    """One line that names the files which do not look like scripts, given all files; empty if all do."""
    files = list(tallies)
    doubtful = [(name, tally) for name, tally in files if tally.share < DOUBTFUL]
    if not doubtful:
        return ""
    named = ", ".join(f"{name} (read as {tally.layout})" for name, tally in doubtful[:_NAMED])
    more = f" and {len(doubtful) - _NAMED} more" if len(doubtful) > _NAMED else ""
    share = share_understood(tally for _, tally in files)
    return (
        f"{len(doubtful)} of {len(files)} file(s) do not look like scripts ({share:.0%} of the corpus understood): "
        f"{named}{more}; leave them out or name their --layout"
    )
