"""Sets a script for reading: headings, cues with a colour for each speaker, dialogue, parentheticals, action. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_SPEECH = re.compile(r"\[ ([^\[\]]+) \]:(?: (.*))?")
_DIRECTION = re.compile(r"\{\{ ?(.*?) ?\}\}")
_ASIDE = re.compile(r"\[([^\[\]]*)\]")
_HEADING = re.compile(r"(?:INT|EXT|EST|INT\.?/EXT|I/E)[. ]|(?:ACT|SCENE) [IVXLC\d]+\b", re.IGNORECASE)
_COLOURS = 10


@dataclass(frozen=True)
class Piece:
    """A heading, an action, or a speech; or a further line of a speech, which has no name."""

    kind: str
    words: tuple[tuple[str, bool], ...]
    """Pieces of text, and whether each is a parenthetical."""
    name: str = ""
    colour: str = ""


def typeset(text: str, colours: Mapping[str, str] | None = None) -> list[Piece]:
    """Return the paragraphs of a script, with its own colours unless some are given."""
    if colours is None:
        colours = colours_of(text)
    return [_piece(line, colours) for line in text.split("\n") if line.strip()]


def colours_of(*texts: str) -> dict[str, str]:
    """Return the colour of each speaker of some scripts, in the order of how much they speak."""
    lines = (line.strip() for text in texts for line in text.split("\n"))
    speeches = Counter(match[1] for line in lines if (match := _SPEECH.fullmatch(line)))
    return {name: f"s{rank % _COLOURS}" for rank, (name, _count) in enumerate(speeches.most_common())}


def _piece(line: str, colours: Mapping[str, str]) -> Piece:
    if speech := _SPEECH.fullmatch(line.strip()):
        return Piece("speech", tuple(_spoken(speech[2] or "…")), speech[1].replace("_", " "), colours[speech[1]])
    if line[0].isspace():  # the next line of verse
        return Piece("speech", tuple(_spoken(line)))
    direction = _DIRECTION.fullmatch(line.strip())
    words = direction[1] if direction else line
    return Piece("heading" if _HEADING.match(words) else "action", ((words, False),))


def _spoken(words: str) -> Iterator[tuple[str, bool]]:
    for number, piece in enumerate(_ASIDE.split(words)):
        if text := piece.strip():
            yield (f"({text})" if number % 2 else text), bool(number % 2)
