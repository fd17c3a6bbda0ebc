"""Computes the share of a text that was understood as a script, which distinguishes plays from other files."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.errors import BadInputError

DOUBTFUL = 0.5
"""A file of which a smaller share is understood does not look like a script."""
_SURE = 0.5  # confidence in the layout of a text that is taken as it is
COUNTED_SPEAKERS = 50_000
"""Speakers of a file that are counted: one of another kind may seem to have any number."""
_NAMED = 3  # files in a warning
_DROPPED = 0.25
"""A file of which a larger share is dropped loses speeches if names of its speakers begin lines of what is dropped."""
_FEWEST_NAMES = 5  # in what is dropped
_NAMES_DROPPED = 0.1  # for each speech that is kept
_LONGEST_NAME = 40  # characters
_NAME_ENDS = re.compile(r"[.:(\[]|--|\s{2,}|\s*$")
_TABLES = (".csv", ".tsv")


@dataclass(slots=True)
class Tally:
    """Tokens of one file by what they are. In a script somebody speaks more than once; a headline does not."""

    layout: str
    confidence: float  # in the layout, 1 if it was requested
    tokens: int = 0
    _spoken: Counter[str] = field(default_factory=Counter)
    _speeches: Counter[str] = field(default_factory=Counter)
    _directions: int = 0
    _verbatim: int = 0
    dropped_lines: int = 0
    _dropped_words: int = 0
    _words: int = 0
    _dropped_names: Counter[str] = field(default_factory=Counter)

    def add(self, event: Event, tokens: int) -> None:
        """Count an event of that many tokens."""
        if event.kind is EventKind.CUT:
            self._drop(event.text)
            return
        self._words += len(f"{event.speaker} {event.text}".split())
        self.tokens += tokens
        if event.kind is EventKind.SPEECH:
            if event.speaker in self._spoken or len(self._spoken) < COUNTED_SPEAKERS:
                self._spoken[event.speaker] += tokens
                self._speeches[event.speaker] += not event.continued
        elif event.kind is EventKind.VERBATIM:
            self._verbatim += tokens
        elif not event.doubtful:
            self._directions += tokens

    def _drop(self, text: str) -> None:
        self._dropped_words += len(text.split())
        for line in filter(str.strip, text.splitlines()):
            self.dropped_lines += 1
            for name in _possible_names(line):
                if name in self._dropped_names or len(self._dropped_names) < COUNTED_SPEAKERS:
                    self._dropped_names[name] += 1

    @property
    def dropped(self) -> float:
        """Share of the file's words that was dropped, 0 to 1; words end at spaces."""
        return self._dropped_words / max(1, self._dropped_words + self._words)

    @property
    def speeches_dropped(self) -> int:
        """Number of dropped lines that start with a speaker's name, if they are many; else 0."""
        if self.dropped <= _DROPPED:
            return 0
        counts = (self._dropped_names[speaker] for speaker in self._spoken)
        names = sum(count for count in counts if count > 1)  # a list of the cast has each once
        return names if names >= max(_FEWEST_NAMES, _NAMES_DROPPED * self._speeches.total()) else 0

    @property
    def reading(self) -> str:
        """The layout in which the file was read, and whether nobody speaks in it."""
        return f"read as {self.layout}" + ("" if self._spoken or not self.tokens else ": no speaker found")

    @property
    def understood(self) -> int:
        """Tokens of speeches by those who speak more than once, of directions between them, of trusted plain text."""
        spoken = sum(tokens for speaker, tokens in self._spoken.items() if self._speeches[speaker] > 1)
        return spoken + (self._directions if spoken else 0) + (self._verbatim if self.confidence >= _SURE else 0)

    @property
    def share(self) -> float:
        """Share of the file's tokens that was understood, 0 to 1; 1 for a file of nothing."""
        return self.understood / self.tokens if self.tokens else 1.0


def share_understood(tallies: Iterable[Tally]) -> float:
    """Share of all tokens that was understood."""
    counted = list(tallies)
    tokens = sum(tally.tokens for tally in counted)
    return sum(tally.understood for tally in counted) / tokens if tokens else 1.0


def doubt(tallies: Iterable[tuple[str, Tally]]) -> str:
    """One line that names the files which do not look like scripts or lose speeches, given all; empty if none does."""
    files = list(tallies)
    return "; ".join(filter(None, (_no_scripts(files), _incomplete(files))))


def _no_scripts(files: Sequence[tuple[str, Tally]]) -> str:
    doubtful = [(name, tally) for name, tally in files if tally.share < DOUBTFUL]
    if not doubtful:
        return ""
    named = _listed([f"{name} ({tally.reading})" for name, tally in doubtful])
    share = share_understood(tally for _, tally in files)
    table = any(name.lower().endswith(_TABLES) for name, _ in doubtful)
    return (
        f"{len(doubtful)} of {len(files)} file(s) do not look like scripts ({share:.0%} of the corpus understood): "
        f"{named}; leave them out or name their --layout" + ("; write tables as lines `NAME: words`" if table else "")
    )


def _incomplete(files: Sequence[tuple[str, Tally]]) -> str:
    incomplete = [(name, tally) for name, tally in files if tally.speeches_dropped]
    if not incomplete:
        return ""
    named = _listed(
        [
            f"{name} ({tally.reading}; {tally.dropped:.0%} dropped, with {tally.speeches_dropped} names of speakers)"
            for name, tally in incomplete
        ]
    )
    return f"{len(incomplete)} of {len(files)} file(s) lose speeches: {named}; name their --layout"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def nothing_found(tallies: Iterable[Tally], *, requested: bool) -> BadInputError:
    """Return the error that says why files hold no words, given all of them."""
    counted = list(tallies)
    lines = sum(tally.dropped_lines for tally in counted)
    if not lines:
        return BadInputError(f"no words found in {len(counted)} file(s)", "check the files and --layout")
    read = ", ".join(sorted({tally.layout for tally in counted}))
    hint = "try --layout auto" if requested else "name the layout with --layout, or check the files"
    return BadInputError(f"read as {read}: no speaker found in {lines:,} lines", hint)


def _possible_names(line: str) -> set[str]:
    """Return what may be a name at the beginning of a line: the words before a mark or a wide space, or all of them."""
    start = line.lstrip(" \t_*[{=|~-")[: _LONGEST_NAME + 1]
    found = {start[: end.start()].rstrip("_* ") for end in _NAME_ENDS.finditer(start)}
    return {name for name in found if name and len(name) <= _LONGEST_NAME}
