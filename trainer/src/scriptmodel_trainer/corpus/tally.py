"""Counts what became of the text of a file: who speaks, what is dropped, and which share is understood as a script."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.errors import BadInputError

DOUBTFUL = 0.5
"""A file of which a smaller share is understood does not look like a script."""
_SURE = 0.5  # confidence in the layout of a text that is taken as it is
_MOST_NAMES = 50_000  # a file of another kind may seem to have any number of speakers
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
    """Counts of one file by what its text is. In a script somebody speaks more than once; a headline does not."""

    file: str
    layout: str
    confidence: float  # in the layout, 1 if it was requested
    lines: int = 0
    tokens: int = 0
    expositions: int = 0
    unclear: int = 0
    """Texts that match no rule and were read as directions."""
    dropped_lines: int = 0
    speakers: Counter[str] = field(default_factory=Counter)
    """Speeches of each; one that a direction interrupts counts as two."""
    _spoken: Counter[str] = field(default_factory=Counter)
    _directions: int = 0
    _verbatim: int = 0
    _words: int = 0
    _dropped_words: int = 0
    _dropped_names: Counter[str] = field(default_factory=Counter)

    def counting(self, lines: Iterable[str]) -> Iterator[str]:
        """Count the lines of the file on their way to the layout."""
        for line in lines:
            self.lines += 1
            yield line

    def add(self, event: Event, tokens: int) -> None:
        """Count an event of that many tokens."""
        if event.kind is EventKind.CUT:
            self._drop(event.text)
            return
        self._words += len(f"{event.speaker} {event.text}".split())
        self.tokens += tokens
        if event.kind is EventKind.SPEECH:
            if event.speaker in self.speakers or len(self.speakers) < _MOST_NAMES:
                self._spoken[event.speaker] += tokens
                self.speakers[event.speaker] += 1
        elif event.kind is EventKind.VERBATIM:
            self._verbatim += tokens
        elif tokens:
            self.expositions += 1
            self.unclear += event.doubtful
            self._directions += 0 if event.doubtful else tokens

    def _drop(self, text: str) -> None:
        self._dropped_words += len(text.split())
        for line in filter(str.strip, text.splitlines()):
            self.dropped_lines += 1
            for name in _possible_names(line):
                if name in self._dropped_names or len(self._dropped_names) < _MOST_NAMES:
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
        counts = (self._dropped_names[speaker] for speaker in self.speakers)
        names = sum(count for count in counts if count > 1)  # a list of the cast has each once
        return names if names >= max(_FEWEST_NAMES, _NAMES_DROPPED * self.speakers.total()) else 0

    @property
    def reading(self) -> str:
        """The layout in which the file was read, and whether nobody speaks in it."""
        return f"read as {self.layout}" + ("" if self.speakers or not self.tokens else ": no speaker found")

    @property
    def understood(self) -> int:
        """Tokens of speeches by those who speak more than once, of directions between them, of trusted plain text."""
        spoken = sum(tokens for speaker, tokens in self._spoken.items() if self.speakers[speaker] > 1)
        return spoken + (self._directions if spoken else 0) + (self._verbatim if self.confidence >= _SURE else 0)

    def summary(self) -> dict[str, Any]:
        """The figures as JSON can hold them."""
        return {
            "file": self.file,
            "layout": self.layout,
            "confidence": round(self.confidence, 3),
            "speakers": dict(sorted(self.speakers.items(), key=lambda entry: (-entry[1], entry[0]))),
            "speeches": self.speakers.total(),
            "expositions": self.expositions,
            "lines": self.lines,
            "understood": round(share_understood([self]), 5),
            "dropped": round(self.dropped, 5),
            "not_understood": self.unclear,
        }


def share_understood(tallies: Iterable[Tally]) -> float:
    """Share of all tokens that was understood, 0 to 1; 1 of nothing."""
    counted = list(tallies)
    tokens = sum(tally.tokens for tally in counted)
    return sum(tally.understood for tally in counted) / tokens if tokens else 1.0


def doubt(tallies: Sequence[Tally]) -> str:
    """One line that names the files which do not look like scripts or lose speeches, given all; empty if none does."""
    return "; ".join(filter(None, (_no_scripts(tallies), _incomplete(tallies))))


def _no_scripts(files: Sequence[Tally]) -> str:
    doubtful = [tally for tally in files if share_understood([tally]) < DOUBTFUL]
    if not doubtful:
        return ""
    named = _listed([f"{tally.file} ({tally.reading})" for tally in doubtful])
    table = any(tally.file.lower().endswith(_TABLES) for tally in doubtful)
    return (
        f"{len(doubtful)} of {len(files)} file(s) do not look like scripts "
        f"({share_understood(files):.0%} of the corpus understood): {named}; leave them out or name their --layout"
        + ("; write tables as lines `NAME: words`" if table else "")
    )


def _incomplete(files: Sequence[Tally]) -> str:
    incomplete = [
        f"{tally.file} ({tally.reading}; {tally.dropped:.0%} dropped, with {tally.speeches_dropped} names of speakers)"
        for tally in files
        if tally.speeches_dropped
    ]
    shown = f"{len(incomplete)} of {len(files)} file(s) lose speeches: {_listed(incomplete)}; name their --layout"
    return shown if incomplete else ""


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def nothing_found(tallies: Sequence[Tally], *, requested: bool) -> BadInputError:
    """Return the error that says why files hold no words, given all of them."""
    lines = sum(tally.dropped_lines for tally in tallies)
    if not lines:
        return BadInputError(f"no words found in {len(tallies)} file(s)", "check the files and --layout")
    read = ", ".join(sorted({tally.layout for tally in tallies}))
    hint = "try --layout auto" if requested else "name the layout with --layout, or check the files"
    return BadInputError(f"read as {read}: no speaker found in {lines:,} lines", hint)


def _possible_names(line: str) -> set[str]:
    """Return what may be a name at the beginning of a line: the words before a mark or a wide space, or all of them."""
    start = line.lstrip(" \t_*[{=|~-")[: _LONGEST_NAME + 1]
    found = {start[: end.start()].rstrip("_* ") for end in _NAME_ENDS.finditer(start)}
    return {name for name in found if name and len(name) <= _LONGEST_NAME}
