"""Converts a script from the trainer's text to Fountain or HTML. Pure.

The trainer writes a line a speech, `[ NAME ]: words`, or a direction, `{{ words }}`; words in brackets within a speech
are directions to its speaker. A name of several words has underscores, which the other formats turn into spaces.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import starmap

TEXT = "text"
_SPEECH = re.compile(r"\[ (\S+) \]:(?: (.*))?")
_DIRECTION = re.compile(r"\{\{ ?(.*?) ?\}\}")
_ASIDE = re.compile(r"\[([^\[\]]*)\]")
_HEADING = re.compile(r"(?:INT|EXT|EST|INT\.?/EXT|I/E)[. ]|(?:ACT|SCENE) [IVXLC\d]+\b", re.IGNORECASE)
_SLUGLINE = re.compile(r"(?:INT|EXT|EST|INT\.?/EXT|I/E)[. ]", re.IGNORECASE)
_EMPHASIS = re.compile(r"[*_\\]")
_STYLE = "body{font:1.1em/1.5 serif;max-width:40em;margin:2em auto;padding:0 1em}b{font-variant:small-caps}"


def lines_of_script(text: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the words of each line; the name is empty unless the line is a speech."""
    for raw in filter(None, map(str.strip, text.split("\n"))):
        if speech := _SPEECH.fullmatch(raw):
            yield speech[1].replace("_", " "), speech[2] or ""
        else:
            direction = _DIRECTION.fullmatch(raw)
            yield "", direction[1] if direction else raw


def to_fountain(text: str) -> str:
    """Convert to Fountain 1.1: names in capitals above their words, directions as action, asides as parentheticals."""
    lines = ((name, _EMPHASIS.sub(r"\\\g<0>", words)) for name, words in lines_of_script(text))
    return "\n\n".join(starmap(_fountain, lines)) + "\n"


def _fountain(name: str, words: str) -> str:
    if _is_heading(name, words):
        return words.upper() if _SLUGLINE.match(words) else f".{words}"
    if not name:
        return f"!{words}"  # forced action, since a direction in capitals would be a character cue
    upper = name.upper()
    cue = upper if re.match(r"[A-Z]", upper) else f"@{name}"
    return "\n".join([cue, *_spoken(words)])


def _is_heading(name: str, words: str) -> bool:
    return not name and _HEADING.match(words) is not None


def _spoken(words: str) -> Iterator[str]:
    """Yield words and parentheticals, each on a line; a cue without words gets an ellipsis, else it would be action."""
    pieces = [piece.strip() for piece in _ASIDE.split(words)]
    shown = [f"({piece})" if number % 2 else piece for number, piece in enumerate(pieces) if piece]
    yield from shown or ["..."]


def to_html(text: str) -> str:
    """Convert to a self-contained HTML page without JavaScript; all text is escaped."""
    body = "\n".join(starmap(_paragraph, lines_of_script(text)))
    head = f'<meta charset="utf-8"><title>A new script</title><style>{_STYLE}</style>'
    return f"<!doctype html>\n<html><head>{head}</head><body>\n{body}\n</body></html>\n"


def _paragraph(name: str, words: str) -> str:
    text = html.escape(words)
    if _is_heading(name, words):
        return f"<h2>{text}</h2>"
    if not name:
        return f"<p><em>{text}</em></p>"
    spoken = _ASIDE.sub(lambda aside: f"<em>({aside[1].strip()})</em>", text)
    return f"<p><b>{html.escape(name)}</b> {spoken}</p>"


FORMATS: Mapping[str, Callable[[str], str]] = {TEXT: str, "fountain": to_fountain, "html": to_html}
