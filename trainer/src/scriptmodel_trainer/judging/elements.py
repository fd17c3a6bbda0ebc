"""Speeches and directions of a token sequence."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from scriptmodel_trainer.corpus.tokens import (
    CLOSE_EXPOSITION,
    CLOSE_NAME,
    ENDERS,
    OPEN_EXPOSITION,
    OPEN_NAME,
    is_word,
)


@dataclass(slots=True)
class Element:
    """A speech or a direction: its speaker (empty for none), and the words of each sentence."""

    speaker: str = ""
    direction: bool = False
    sentences: list[list[str]] = field(default_factory=lambda: [[]])

    @property
    def words(self) -> int:
        return sum(map(len, self.sentences))


def elements_of(tokens: Sequence[str]) -> list[Element]:
    """Return the speeches and directions of a token sequence; text outside of both is a speech of nobody."""
    lines: list[Element] = []
    current, before = Element(), ""
    for token in tokens:
        if token in (OPEN_NAME, OPEN_EXPOSITION, CLOSE_EXPOSITION):
            lines.append(current)
            current = Element(direction=token == OPEN_EXPOSITION)
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
