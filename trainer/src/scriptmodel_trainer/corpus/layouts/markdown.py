"""Markdown plays: `**NAME**` on a line, `_direction_` or `*direction*` paragraphs, `#` headings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts.directions import is_bracketed, is_in_lines
from scriptmodel_trainer.corpus.layouts.marks import is_extension, is_heading
from scriptmodel_trainer.corpus.layouts.rules import Decision, Explain, Rule, read_by, silent

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
_FEWEST_ONCE = 0.2  # of the lines hold a name, where nobody is named twice
_EMPTY_GROUP = re.compile(r"\[\s*\]|\(\s*\)")


def parse(lines: Iterable[str], sample: Sequence[str], explain: Explain = silent) -> Iterator[Event]:
    """Events of a Markdown play; the first-level heading (the title) is no part of the script."""
    del sample
    reader = _Reader()
    matter = False  # what some editors keep between two lines of `---` at the top
    for number, line in enumerate(map(str.rstrip, lines), 1):
        if line == "---" and (matter or number == 1):
            matter = number == 1
        elif matter or line == "[TOC]" or _IMAGE.fullmatch(line):
            explain(Decision(number, "cut", "front-matter"))
            yield Event(EventKind.CUT, line, line=number)
        else:
            yield from read_by(LINES, _Line(reader, number, line), number, explain)
    yield from reader.end()


def score(lines: Sequence[str]) -> float:
    """Near 1 when many lines are `**NAME**`, 0 when there is none or hardly any: bold words in another layout.

    In a text of more than a few lines somebody speaks again.
    """
    names = Counter(match["name"] for match in map(_NAME.match, lines) if match and not _is_key(match))
    if not names:
        return 0.0
    named = names.total()
    headings = sum(1 for line in lines if _HEADING.match(line))
    full = sum(1 for line in lines if line.strip())
    if named < (_FEWEST if max(names.values()) > 1 else _FEWEST_ONCE) * full:
        return 0.0
    return min(1.0, 0.5 + 4.0 * (named + headings) / full)


def _is_key(match: re.Match[str]) -> bool:
    """Return whether the bold word is a key in small letters, with its value on the same line: `**tone:** Wistful`."""
    return bool(match["text"]) and match["name"][0].islower() and match["name"].endswith(":")


class _Reader:
    """State while reading: who speaks, the lines of the speech so far, and a direction that is still open."""

    def __init__(self) -> None:
        self.speaker = ""
        self._continued = False
        self._speech: list[str] = []
        self._speech_line = 0
        self.direction: list[str] = []
        self._direction_line = 0
        self._mark = ""

    def open_direction(self, line: _Line) -> Iterator[Event]:
        """Start a direction that a following line closes."""
        yield from self._speech_done()
        self.direction, self._direction_line, self._mark = [line.stripped], line.number, line.stripped[0]

    def continue_direction(self, line: _Line) -> Iterator[Event]:
        """Add a line to the direction that is open."""
        self.direction.append(line.stripped)
        if line.text.endswith(self._mark):
            yield from self._direction_done()

    def blank(self) -> Iterator[Event]:
        """End a direction that was never closed."""
        if self.direction:
            yield from self._direction_done()

    def exposition(self, line: _Line) -> Iterator[Event]:
        """Give a direction of one line."""
        yield from self._speech_done()
        yield Event(EventKind.EXPOSITION, _without_brackets(_clean(line.stripped)), line=line.number)

    def words(self, line: _Line) -> Iterator[Event]:
        """Add a line to the speech."""
        self._say(line.number, line.text)
        return iter(())

    def end(self) -> Iterator[Event]:
        if self.direction:
            yield from self._direction_done()
        yield from self._speech_done()

    def named(self, line: _Line, match: re.Match[str]) -> Iterator[Event]:
        """Start a speech, or a scene whose heading is bold."""
        number, name, text = line.number, _NAME_ENDS.sub("", _clean(match["name"]).strip()), match["text"] or ""
        yield from self._speech_done()
        if is_heading(name):
            self.speaker = ""
            yield Event(EventKind.HEADING, _clean(f"{name} {text}").strip(), line=number)
            return
        self.speaker, direction = _parted(name)
        self._continued = False
        if is_extension(direction.strip("()")):
            yield Event(EventKind.CUT, direction, line=number)
            direction = ""
        if direction or text:
            self._say(number, f"{direction} {text}")

    def _say(self, number: int, line: str) -> None:
        if not self._speech:
            self._speech_line = number
        self._speech.append(line.strip().removesuffix("\\"))  # a break

    def heading(self, line: _Line, match: re.Match[str], kind: EventKind = EventKind.HEADING) -> Iterator[Event]:
        """Give a heading: nobody speaks any more."""
        yield from self._speech_done()
        self.speaker = ""
        yield Event(kind, _without_brackets(_clean(match["text"].rstrip("# "))), line=line.number)

    def _speech_done(self) -> Iterator[Event]:
        if not self._speech:
            return
        lines = "\n".join(self._speech)
        text = _clean(lines if is_in_lines(lines) else lines.replace("\n", " "))
        self._speech = []
        kind = EventKind.SPEECH if self.speaker else EventKind.EXPOSITION
        yield Event(kind, text, self.speaker, self._speech_line, self._continued)
        self._continued = True

    def _direction_done(self) -> Iterator[Event]:
        text = _without_brackets(_clean(" ".join(self.direction)))
        self.direction = []
        yield Event(EventKind.EXPOSITION, text, line=self._direction_line)


def _parted(name: str) -> tuple[str, str]:
    """Return who speaks, and the direction beside the name: `Anna (softly)`, `Anna, turning round`."""
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


@dataclass(frozen=True)
class _Line:
    """A line in its context."""

    reader: _Reader
    number: int
    text: str

    @cached_property
    def stripped(self) -> str:
        return self.text.strip()


def _title(line: _Line) -> re.Match[str] | None:
    match = _HEADING.match(line.text)
    return match if match and len(match["level"]) == 1 else None


def _is_direction(line: _Line) -> bool:
    return _DIRECTION.fullmatch(line.stripped) is not None or is_bracketed(_clean(line.stripped))


def _opens_direction(line: _Line) -> bool:
    first = line.stripped[0]
    return first in "_*" and line.stripped.count(first) % 2 == 1 and not line.stripped.startswith("**")


LINES: tuple[Rule[_Line], ...] = (
    Rule(
        "direction-continues",
        "exposition",
        lambda line: bool(line.reader.direction and line.text),
        lambda line, _: line.reader.continue_direction(line),
    ),
    Rule(
        "blank",
        "cut",
        lambda line: not line.text or _RULE.match(line.text),
        lambda line, _: line.reader.blank(),
    ),
    Rule(
        "bold-name", "speech", lambda line: _NAME.match(line.text), lambda line, match: line.reader.named(line, match)
    ),
    Rule("title", "cut", _title, lambda line, match: line.reader.heading(line, match, EventKind.CUT)),
    Rule(
        "heading",
        "heading",
        lambda line: _HEADING.match(line.text),
        lambda line, found: line.reader.heading(line, found),
    ),
    Rule("direction", "exposition", _is_direction, lambda line, _: line.reader.exposition(line)),
    Rule("direction-opens", "exposition", _opens_direction, lambda line, _: line.reader.open_direction(line)),
    Rule(
        "words-of-nobody", "exposition", lambda line: not line.reader.speaker, lambda line, _: line.reader.words(line)
    ),
    Rule("words", "speech", lambda _: True, lambda line, _: line.reader.words(line)),
)
"""Rules for the lines of a play in Markdown."""
