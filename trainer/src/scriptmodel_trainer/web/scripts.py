"""The parts of a script, as pages show them and the formats of scripts have them. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_ASIDE = re.compile(r"\[([^\[\]]*)\]")
_COLOURS = 10
"""Styles of speakers, s0, s1 and so on."""


@dataclass(frozen=True, slots=True)
class Part:
    """A heading, a direction or a speech. The lines of a speech have pieces; every second one is a direction."""

    kind: str
    text: str
    name: str = ""
    lines: Sequence[Sequence[str]] = ()
    cue: str = ""
    """The name, with V.O. and the like beside it."""

    def spoken(self) -> Iterator[tuple[str, bool]]:
        """Yield the pieces of a speech, and whether each is a direction; an ellipsis if there are none."""
        pieces = [(piece.strip(), bool(number % 2)) for line in self.lines for number, piece in enumerate(line)]
        yield from [(piece, directs) for piece, directs in pieces if piece] or [("...", False)]


def speech(text: str, name: str, cue: str = "") -> Part:
    """Return a speech, whose lines are those of its text; what is in brackets is a direction."""
    return Part("speech", text, name, [_ASIDE.split(line.strip()) for line in text.split("\n")], cue or name)


def colours_of(parts: Iterable[Part]) -> dict[str, str]:
    """Return the style of each speaker, in the order of how often they speak."""
    speakers = Counter(part.name for part in parts if part.name).most_common()
    return {name: f"s{rank % _COLOURS}" for rank, (name, _count) in enumerate(speakers)}
