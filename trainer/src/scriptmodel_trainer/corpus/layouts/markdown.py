"""Markdown plays: `**NAME**` on a line, `_direction_` or `*direction*` paragraphs, `#` headings."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts.directions import is_bracketed, is_in_lines
from scriptmodel_trainer.corpus.layouts.marks import is_extension, is_heading
from scriptmodel_trainer.corpus.layouts.script import Script

_NAME = re.compile(r"\s*\*\*(?P<name>[^*]+)\*\*[.:]?(?:\s+(?P<text>\S.*))?\s*$")
_NAME_ENDS = re.compile(r"(?<!\s)\s*[.:]$")
_HEADING = re.compile(r"\s*(?P<level>#{1,6})\s+(?P<text>.*)$")
_DIRECTION = re.compile(r"(?P<mark>_{1,2}|\*{1,2}).*(?P=mark)")
_IMAGE = re.compile(r"\s*!\[[^\]]*\]\([^)]*\)")
_RULE = re.compile(r"\s*([-*_])(\s*\1){2,}\s*$")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+.!~>|-])")
_WITH_DIRECTION = re.compile(r"(?P<name>[^(,]+?)(?:\s*\((?P<beside>[^()]+)\)|, (?P<after>[^\W\dA-Z][^,]+))")
_EMPHASIS = re.compile(r"\*+|(?<![^\W_])_+|_+(?![^\W_])")  # an underscore within a word belongs to it
_MOST_LINES = 400  # of a paragraph or a direction that is held; a longer one is given in parts
_FEWEST = 0.005  # of the lines hold a name, in a long play of long speeches
_FEWEST_ONCE = 0.2  # of the lines hold a name, where nobody is named twice
_EMPTY_GROUP = re.compile(r"\[\s*\]|\(\s*\)")


def parse(lines: Iterable[str], _: Sequence[str]) -> Iterator[Event]:
    """Events of a Markdown play; the first-level heading (the title) is no part of the script."""
    reader = _Reader()
    matter = False  # what some editors keep between two lines of `---` at the top
    for number, line in enumerate(map(str.rstrip, lines), 1):
        if line == "---" and (matter or number == 1):
            matter = number == 1
        elif matter or line == "[TOC]" or _IMAGE.fullmatch(line):
            reader.script.add(EventKind.CUT, line, number, "front-matter")
        else:
            reader.read(line, number)
        yield from reader.script.taken()
    reader.end_paragraph()
    reader.script.end()
    yield from reader.script.taken()


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
    """Holds the lines of a paragraph, which may be a direction that is still open."""

    def __init__(self) -> None:
        self.script = Script(bare=_without_brackets)
        self._held: list[str] = []
        self._line = 0  # of the first one
        self._mark = ""  # which closes the direction

    def read(self, line: str, number: int) -> None:
        """Read a line."""
        text = line.strip()
        name, heading = _NAME.match(line), _HEADING.match(line)
        if not text or (not self._mark and _RULE.match(line)):
            self.end_paragraph()
        elif self._mark:
            self._held.append(text)
            if text.endswith(self._mark) or len(self._held) >= _MOST_LINES:
                self.end_paragraph()
        elif name or heading or _is_direction(text):
            self.end_paragraph()
            if name:
                self._named(name, number)
            elif heading:
                kind = EventKind.CUT if len(heading["level"]) == 1 else EventKind.HEADING
                self.script.end()
                self.script.add(kind, _without_brackets(_clean(heading["text"].rstrip("# "))), number, "heading")
            else:
                self.script.add(EventKind.EXPOSITION, _clean(text), number, "direction")
        else:
            opens = text[0] in "_*" and text.count(text[0]) % 2 == 1 and not text.startswith("**")
            if len(self._held) >= _MOST_LINES:
                self.end_paragraph()
                self.script.pause()
            if opens:
                self.end_paragraph()
            self._mark = text[0] if opens else ""
            self._line = self._line if self._held else number
            self._held.append(text.removesuffix("\\"))  # a break

    def end_paragraph(self) -> None:
        """Give the paragraph so far: a direction that is open, or words."""
        text, self._held = "\n".join(self._held), []
        if self._mark:
            self.script.add(EventKind.EXPOSITION, _clean(text.replace("\n", " ")), self._line, "direction")
        elif text:
            text = _clean(text)
            self.script.say(text if is_in_lines(text) else text.replace("\n", " "), self._line, "words")
        self._mark = ""

    def _named(self, match: re.Match[str], line: int) -> None:
        """Start a speech, or a scene whose heading is bold."""
        name, text = _NAME_ENDS.sub("", _clean(match["name"]).strip()), match["text"] or ""
        if is_heading(name):
            self.script.add(EventKind.HEADING, _clean(f"{name} {text}").strip(), line, "bold-name")
            return
        # `Anna (softly)`, `Anna, turning round`
        beside = _WITH_DIRECTION.fullmatch(name)
        self.script.name(beside["name"] if beside else name)
        direction = (beside["beside"] or beside["after"]) if beside else ""
        if is_extension(direction):
            self.script.add(EventKind.CUT, direction, line, "bold-name")
        elif direction:
            self.script.say(f"({direction})", line, "bold-name")
        if text:
            self._held, self._line = [text.removesuffix("\\")], line


def _clean(text: str) -> str:
    """Text without Markdown's escapes and emphasis marks, and without brackets that hold nothing."""
    text = _EMPHASIS.sub("", text) if "\\" not in text else _ESCAPE.sub(r"\1", _EMPHASIS.sub("", text))
    return _EMPTY_GROUP.sub("", text)


def _without_brackets(text: str) -> str:
    text = text.strip()
    return text[1:-1] if text[:1] in "[(" and text[-1:] in "])" and not set(text[1:-1]) & set("[]()") else text


def _is_direction(text: str) -> bool:
    return _DIRECTION.fullmatch(text) is not None or is_bracketed(_clean(text))
