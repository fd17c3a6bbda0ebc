"""Markdown plays: `**NAME**` on a line, `_direction_` or `*direction*` paragraphs, `#` headings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts.directions import is_bracketed
from scriptmodel_trainer.corpus.layouts.marks import is_extension, is_heading

_NAME = re.compile(r"\s*\*\*(?P<name>[^*]+)\*\*[.:]?(?:\s+(?P<text>\S.*))?\s*$")
_NAME_ENDS = re.compile(r"(?<!\s)\s*[.:]$")
_HEADING = re.compile(r"\s*(?P<level>#{1,6})\s+(?P<text>.*)$")
_DIRECTION = re.compile(r"(?P<mark>_{1,2}|\*{1,2}).*(?P=mark)")
_IMAGE = re.compile(r"\s*!\[[^\]]*\]\([^)]*\)")
_RULE = re.compile(r"\s*([-*_])(\s*\1){2,}\s*$")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+.!~>|-])")
_WITH_DIRECTION = re.compile(r"(?P<name>[^(,]+?)(?:\s*\((?P<beside>[^()]+)\)|, (?P<after>[^\W\dA-Z][^,]+))")
_EMPHASIS = re.compile(r"\*+|(?<![^\W_])_+|_+(?![^\W_])")  # an underscore within a word belongs to it
_FEWEST = 0.005  # of the lines hold a name, in a long play of long speeches
_EMPTY_GROUP = re.compile(r"\[\s*\]|\(\s*\)")


def parse(lines: Iterable[str], sample: Sequence[str]) -> Iterator[Event]:
    """Events of a Markdown play; the first-level heading (the title) is no part of the script."""
    del sample
    reader = _Reader()
    matter = False  # what some editors keep between two lines of `---` at the top
    for number, line in enumerate(map(str.rstrip, lines), 1):
        if line == "---" and (matter or number == 1):
            matter = number == 1
        elif matter or line == "[TOC]" or _IMAGE.fullmatch(line):
            yield Event(EventKind.CUT, line, line=number)
        else:
            yield from reader.feed(number, line)
    yield from reader.end()


def score(lines: Sequence[str]) -> float:
    """Near 1 when many lines are `**NAME**`, 0 when there is none or hardly any: bold words in another layout."""
    names = sum(1 for line in lines if _NAME.match(line))
    if not names:
        return 0.0
    headings = sum(1 for line in lines if _HEADING.match(line))
    full = sum(1 for line in lines if line.strip())
    return min(1.0, 0.5 + 4.0 * (names + headings) / full) if names >= _FEWEST * full else 0.0


class _Reader:
    """State while reading: who speaks, the lines of the speech so far, and a direction that is still open."""

    def __init__(self) -> None:
        self._speaker = ""
        self._continued = False
        self._speech: list[str] = []
        self._speech_line = 0
        self._direction: list[str] = []
        self._direction_line = 0
        self._mark = ""

    def feed(self, number: int, line: str) -> Iterator[Event]:
        if self._direction:
            if line.strip():
                self._direction.append(line.strip())
                if line.rstrip().endswith(self._mark):
                    yield from self._direction_done()
                return
            yield from self._direction_done()  # a blank line ends a direction that was never closed
        if not line or _RULE.match(line):
            return
        if match := _NAME.match(line):
            yield from self._named(number, _NAME_ENDS.sub("", _clean(match["name"]).strip()), match["text"] or "")
        elif match := _HEADING.match(line):
            yield from self._heading(number, match)
        elif (stripped := line.strip()) and (_DIRECTION.fullmatch(stripped) or is_bracketed(_clean(stripped))):
            yield from self._speech_done()
            yield Event(EventKind.EXPOSITION, _without_brackets(_clean(stripped)), line=number)
        elif stripped[0] in "_*" and stripped.count(stripped[0]) % 2 and not stripped.startswith("**"):
            yield from self._speech_done()
            self._direction, self._direction_line, self._mark = [stripped], number, stripped[0]
        else:
            self._say(number, line)

    def end(self) -> Iterator[Event]:
        if self._direction:
            yield from self._direction_done()
        yield from self._speech_done()

    def _named(self, number: int, name: str, text: str) -> Iterator[Event]:
        """Someone begins to speak, or a scene whose heading is bold."""
        yield from self._speech_done()
        if is_heading(name):
            self._speaker = ""
            yield Event(EventKind.HEADING, _clean(f"{name} {text}").strip(), line=number)
            return
        self._speaker, direction = _parted(name)
        self._continued = False
        if is_extension(direction.strip("()")):
            yield Event(EventKind.CUT, direction, line=number)
            direction = ""
        if direction or text:
            self._say(number, f"{direction} {text}")

    def _say(self, number: int, line: str) -> None:
        if not self._speech:
            self._speech_line = number
        self._speech.append(line.strip())

    def _heading(self, number: int, match: re.Match[str]) -> Iterator[Event]:
        yield from self._speech_done()
        self._speaker = ""
        title = len(match["level"]) == 1
        text = _without_brackets(_clean(match["text"].rstrip("# ")))
        yield Event(EventKind.CUT if title else EventKind.HEADING, text, line=number)

    def _speech_done(self) -> Iterator[Event]:
        if not self._speech:
            return
        text = _clean(" ".join(self._speech))
        self._speech = []
        kind = EventKind.SPEECH if self._speaker else EventKind.EXPOSITION
        yield Event(kind, text, self._speaker, self._speech_line, self._continued)
        self._continued = True

    def _direction_done(self) -> Iterator[Event]:
        text = _without_brackets(_clean(" ".join(self._direction)))
        self._direction = []
        yield Event(EventKind.EXPOSITION, text, line=self._direction_line)


def _parted(name: str) -> tuple[str, str]:
    """Who speaks, and the direction that stands with the name: `Anna (softly)`, `Anna, turning round`."""
    match = _WITH_DIRECTION.fullmatch(name)
    return (match["name"], f"({match['beside'] or match['after']})") if match else (name, "")


def _clean(text: str) -> str:
    """Text without Markdown's escapes and emphasis marks, and without brackets that hold nothing."""
    text = _EMPHASIS.sub("", text) if "\\" not in text else _ESCAPE.sub(r"\1", _EMPHASIS.sub("", text))
    return _EMPTY_GROUP.sub("", text)


def _without_brackets(text: str) -> str:
    text = text.strip()
    if text[:1] in "[(" and text[-1:] in "])" and not set(text[1:-1]) & set("[]()"):
        return text[1:-1]
    return text
