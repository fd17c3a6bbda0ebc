"""Converts a script from the trainer's text to Fountain or HTML. Pure.

The trainer writes a line a speech, `[ NAME ]: words`, or a direction, `{{ words }}`; words in brackets within a speech
are directions to its speaker. A name of several words has underscores, which the other formats turn into spaces.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

TEXT = "text"
_SPEECH = re.compile(r"\[ (\S+) \]:(?: (.*))?")
_DIRECTION = re.compile(r"\{\{ ?(.*?) ?\}\}")
_ASIDE = re.compile(r"\[([^\[\]]*)\]")
_HEADING = re.compile(r"(?:INT|EXT|EST|INT\.?/EXT|I/E)[. ]|(?:ACT|SCENE) [IVXLC\d]+\b", re.IGNORECASE)
_SLUGLINE = re.compile(r"(?:INT|EXT|EST|INT\.?/EXT|I/E)[. ]", re.IGNORECASE)
_EMPHASIS = re.compile(r"[*_\\]")
_STYLE = "body{font:1.1em/1.5 serif;max-width:40em;margin:2em auto;padding:0 1em}b{font-variant:small-caps}"


@dataclass(frozen=True, slots=True)
class Line:
    """A speech; or, with an empty name, a direction or a heading."""

    name: str
    words: str

    @property
    def heading(self) -> bool:
        return not self.name and _HEADING.match(self.words) is not None


def lines_of_script(text: str) -> Iterator[Line]:
    """Yield the lines of a script; a line that is neither a speech nor a direction counts as a direction."""
    for raw in filter(None, map(str.strip, text.split("\n"))):
        if speech := _SPEECH.fullmatch(raw):
            yield Line(speech[1].replace("_", " "), speech[2] or "")
        else:
            direction = _DIRECTION.fullmatch(raw)
            yield Line("", direction[1] if direction else raw)


def to_fountain(text: str) -> str:
    """Convert to Fountain 1.1: names in capitals above their words, directions as action, asides as parentheticals."""
    lines = (Line(line.name, _EMPHASIS.sub(r"\\\g<0>", line.words)) for line in lines_of_script(text))
    return "\n\n".join(map(_fountain, lines)) + "\n"


def _fountain(line: Line) -> str:
    if line.heading:
        return line.words.upper() if _SLUGLINE.match(line.words) else f".{line.words}"
    if not line.name:
        return f"!{line.words}"  # forced action, since a direction in capitals would be a character cue
    name = line.name.upper()
    cue = name if re.match(r"[A-Z]", name) else f"@{line.name}"
    return "\n".join([cue, *_spoken(line.words)])


def _spoken(words: str) -> Iterator[str]:
    """Yield words and parentheticals, each on a line; a cue without words gets an ellipsis, else it would be action."""
    pieces = [piece.strip() for piece in _ASIDE.split(words)]
    shown = [f"({piece})" if number % 2 else piece for number, piece in enumerate(pieces) if piece]
    yield from shown or ["..."]


def to_html(text: str) -> str:
    """Convert to a self-contained HTML page without JavaScript; all text is escaped."""
    body = "\n".join(map(_paragraph, lines_of_script(text)))
    head = f'<meta charset="utf-8"><title>A new script</title><style>{_STYLE}</style>'
    return f"<!doctype html>\n<html><head>{head}</head><body>\n{body}\n</body></html>\n"


def _paragraph(line: Line) -> str:
    words = html.escape(line.words)
    if line.heading:
        return f"<h2>{words}</h2>"
    if not line.name:
        return f"<p><em>{words}</em></p>"
    spoken = _ASIDE.sub(lambda aside: f"<em>({aside[1].strip()})</em>", words)
    return f"<p><b>{html.escape(line.name)}</b> {spoken}</p>"


FORMATS: Mapping[str, Callable[[str], str]] = {TEXT: str, "fountain": to_fountain, "html": to_html}
