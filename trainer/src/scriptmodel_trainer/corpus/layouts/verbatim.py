"""Files that need no reading between the lines: already normalised, or one sentence a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from scriptmodel_trainer.corpus.events import Event, EventKind

_TELLING = ("<eos>", "<boname>", "<open-exp>", "<question>", "<exclamation>")


def parse_normalized(lines: Iterable[str], sample: Sequence[str]) -> Iterator[Event]:
    """Lines in token form, taken as they are."""
    del sample
    for number, line in enumerate(lines, 1):
        if line and not line.isspace():
            yield Event(EventKind.VERBATIM, line, line=number)


def parse_plain(lines: Iterable[str], sample: Sequence[str]) -> Iterator[Event]:
    """One sentence a line, words separated by spaces; the end of the line is the end of the sentence."""
    del sample
    for number, line in enumerate(lines, 1):
        if line and not line.isspace():
            yield Event(EventKind.VERBATIM, f"{line} <eos>", line=number)


def score_normalized(lines: Sequence[str]) -> float:
    """Share of lines that hold markers of the token stream."""
    full = [line for line in lines if line and not line.isspace()]
    marked = sum(any(marker in line for marker in _TELLING) for line in full)
    return marked / len(full) if full else 0.0


def score_plain(lines: Sequence[str]) -> float:
    """Little for anything with words: what is chosen when no layout of scripts is recognised."""
    return 0.05 if any(line.strip() for line in lines) else 0.0
