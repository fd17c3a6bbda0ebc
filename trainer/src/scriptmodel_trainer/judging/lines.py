"""Speeches and directions of a token sequence, and the tokens of a script as `generate` writes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.tokens import (
    CLOSE_EXPOSITION,
    CLOSE_NAME,
    ENDERS,
    OPEN_EXPOSITION,
    OPEN_NAME,
    event_tokens,
    is_word,
)

_SPEECH = re.compile(r"\[ (?P<name>\S+) \]:(?P<text>.*)")
_DIRECTION = re.compile(r"\{\{ (?P<text>.*) \}\}")


@dataclass(slots=True)
class Line:
    """A speech or a direction: its speaker (empty for none), and the words of each sentence."""

    speaker: str = ""
    direction: bool = False
    sentences: list[list[str]] = field(default_factory=lambda: [[]])

    @property
    def words(self) -> int:
        """Number of its words."""
        return sum(map(len, self.sentences))


def lines_of(tokens: Sequence[str]) -> list[Line]:
    """Return the speeches and directions of a token sequence; text outside of both is a speech of nobody."""
    lines: list[Line] = []
    current, before = Line(), ""
    for token in tokens:
        if token in (OPEN_NAME, OPEN_EXPOSITION, CLOSE_EXPOSITION):
            lines.append(current)
            current = Line(direction=token == OPEN_EXPOSITION)
        elif before == OPEN_NAME:
            current.speaker = token
        elif token in ENDERS:
            current.sentences.append([])
        elif token != CLOSE_NAME and is_word(token):
            current.sentences[-1].append(token)
        before = token
    lines.append(current)
    for line in lines:
        line.sentences = [sentence for sentence in line.sentences if sentence]
    return [line for line in lines if line.sentences]


def is_rendered(lines: Iterable[str]) -> bool:
    """Return whether most lines of a text are speeches or directions as `generate` writes them."""
    full = [line for line in lines if line.strip()]
    return sum(_event(line.strip()) is not None for line in full) * 2 > len(full)


def rendered_tokens(lines: Iterable[str]) -> Iterator[str]:
    """Yield the tokens of a script as `generate` writes it; other lines are taken for directions."""
    for line in map(str.strip, lines):
        if line:
            yield from event_tokens(_event(line) or Event(EventKind.EXPOSITION, line))


def _event(line: str) -> Event | None:
    if match := _SPEECH.fullmatch(line):
        return Event(EventKind.SPEECH, match["text"], match["name"])
    if match := _DIRECTION.fullmatch(line):
        return Event(EventKind.EXPOSITION, match["text"])
    return None
