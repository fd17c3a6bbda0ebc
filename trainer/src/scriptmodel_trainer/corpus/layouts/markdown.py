"""Markdown plays: `**NAME**` on a line, `_direction_` or `*direction*` paragraphs, `#` headings."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

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
_MOST_LINES = 400  # of a speech or direction that is held; a longer one is given in parts
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
            reader.number, reader.line, reader.stripped = number, line, line.strip()
            yield from read_by(LINES, reader, number, explain)
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
    """State while reading: the line, who speaks, the lines of the speech so far, a direction that is still open."""

    def __init__(self) -> None:
        self.number, self.line, self.stripped = 0, "", ""
        self.speaker = ""
        self._continued = False
        self._speech: list[str] = []
        self._speech_line = 0
        self.direction: list[str] = []
        self._direction_line = 0
        self._mark = ""

    def open_direction(self, _: Any) -> Iterator[Event]:
        """Start a direction that a following line closes."""
        yield from self._speech_done()
        self.direction, self._direction_line, self._mark = [self.stripped], self.number, self.stripped[0]

    def continue_direction(self, _: Any) -> Iterator[Event]:
        """Add a line to the direction that is open."""
        self.direction.append(self.stripped)
        if self.line.endswith(self._mark) or len(self.direction) >= _MOST_LINES:
            yield from self.end_direction()

    def end_direction(self, _: Any = None) -> Iterator[Event]:
        """End the direction that is open, if there is one."""
        if self.direction:
            text = _without_brackets(_clean(" ".join(self.direction)))
            self.direction = []
            yield Event(EventKind.EXPOSITION, text, line=self._direction_line)

    def exposition(self, _: Any) -> Iterator[Event]:
        """Give a direction of one line."""
        yield from self._speech_done()
        yield Event(EventKind.EXPOSITION, _without_brackets(_clean(self.stripped)), line=self.number)

    def words(self, _: Any) -> Iterator[Event]:
        """Add a line to the speech."""
        self._say(self.stripped)
        if len(self._speech) >= _MOST_LINES:
            yield from self._speech_done()

    def end(self) -> Iterator[Event]:
        yield from self.end_direction()
        yield from self._speech_done()

    def named(self, match: re.Match[str]) -> Iterator[Event]:
        """Start a speech, or a scene whose heading is bold."""
        name, text = _NAME_ENDS.sub("", _clean(match["name"]).strip()), match["text"] or ""
        yield from self._speech_done()
        if is_heading(name):
            self.speaker = ""
            yield Event(EventKind.HEADING, _clean(f"{name} {text}").strip(), line=self.number)
            return
        self.speaker, direction = _parted(name)
        self._continued = False
        if is_extension(direction.strip("()")):
            yield Event(EventKind.CUT, direction, line=self.number)
            direction = ""
        if direction or text:
            self._say(f"{direction} {text}".strip())

    def _say(self, words: str) -> None:
        if not self._speech:
            self._speech_line = self.number
        self._speech.append(words.removesuffix("\\"))  # a break

    def heading(self, match: re.Match[str], kind: EventKind = EventKind.HEADING) -> Iterator[Event]:
        """Give a heading: nobody speaks any more."""
        yield from self._speech_done()
        self.speaker = ""
        yield Event(kind, _without_brackets(_clean(match["text"].rstrip("# "))), line=self.number)

    def _speech_done(self) -> Iterator[Event]:
        if not self._speech:
            return
        lines = "\n".join(self._speech)
        text = _clean(lines if is_in_lines(lines) else lines.replace("\n", " "))
        self._speech = []
        kind = EventKind.SPEECH if self.speaker else EventKind.EXPOSITION
        yield Event(kind, text, self.speaker, self._speech_line, self._continued)
        self._continued = True


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


def _title(at: _Reader) -> re.Match[str] | None:
    match = _HEADING.match(at.line)
    return match if match and len(match["level"]) == 1 else None


def _is_direction(at: _Reader) -> bool:
    return _DIRECTION.fullmatch(at.stripped) is not None or is_bracketed(_clean(at.stripped))


def _opens_direction(at: _Reader) -> bool:
    first = at.stripped[0]
    return first in "_*" and at.stripped.count(first) % 2 == 1 and not at.stripped.startswith("**")


LINES: tuple[Rule[_Reader], ...] = (
    Rule("direction-continues", "exposition", lambda at: bool(at.direction and at.line), _Reader.continue_direction),
    Rule("blank", "cut", lambda at: not at.line or _RULE.match(at.line), _Reader.end_direction),
    Rule("bold-name", "speech", lambda at: _NAME.match(at.line), _Reader.named),
    Rule("title", "cut", _title, lambda at, match: at.heading(match, EventKind.CUT)),
    Rule("heading", "heading", lambda at: _HEADING.match(at.line), _Reader.heading),
    Rule("direction", "exposition", _is_direction, _Reader.exposition),
    Rule("direction-opens", "exposition", _opens_direction, _Reader.open_direction),
    Rule("words-of-nobody", "exposition", lambda at: not at.speaker, _Reader.words),
    Rule("words", "speech", lambda _: True, _Reader.words),
)
"""Rules for the lines of a play in Markdown."""
