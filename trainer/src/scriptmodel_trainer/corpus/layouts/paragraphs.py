"""Lines to paragraphs, and the plain text of one."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scriptmodel_trainer.corpus.words import SPACES

_MOST_LINES = 400  # a file without blank lines is cut, so that memory stays flat
_MOST_CHARACTERS = 1 << 16
_LONGEST_LINE = 4096  # characters
_LONGEST_RUN = 256  # of one character, or of blank ones
_RUN = re.compile(rf"(.)\1{{{_LONGEST_RUN},}}|\s{{{_LONGEST_RUN + 1},}}")
_NOTE = re.compile(r"(?<=[^\s\[(])(?:\[\d{1,3}\]|\{\d{1,4}\}|<\d{1,3}>|\(\d{1,2}\)(?=\s|$))")  # the sign of a footnote
_BRACES = re.compile(r"\{(?=[A-Z_])([^{}]*)(?<=[^\s{}])\}")  # directions, not the braces that join voices
_SOFT_HYPHEN = re.compile("\u00ad(?:\n\\s*)?")
_NOTE_BEGINS = re.compile(r"[\[{<(]\d")
_ITALIC_TAG = re.compile(r"</?(?:i|em)>", re.IGNORECASE)
_TAG = re.compile(r"</?(?:b|strong|u|i|em|center|p|br) ?/?>", re.IGNORECASE)
_BOLD_NAME = re.compile(r"=([^=\n]{1,60}\.)=(?= )")  # in e-texts of Project Gutenberg
_BROKEN_WORD = re.compile(r"(?<=[^\W\d_])-\n\s*(?=[^\W\d_])")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines between blank lines: `text` keeps its line breaks and indents, `line` is where it begins (1-based)."""

    text: str
    line: int

    @property
    def indent(self) -> int:
        """Leading spaces of the first line."""
        return len(self.text) - len(self.text.lstrip(" "))

    def line_at(self, index: int) -> int:
        """The line of the file that a place in `text` is on."""
        return self.line + self.text.count("\n", 0, index)


def short_lines(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines of the length that rules are made for.

    A longer line is cut at spaces, a long run of one character, or of blank ones, shortened. Spaces become usual ones.
    """
    for each in lines:
        line = each if each.isascii() else each.translate(SPACES)
        if len(line) <= _LONGEST_RUN:
            yield line
            continue
        rest = _RUN.sub(_shortened, line)
        while len(rest) > _LONGEST_LINE:
            cut = rest.rfind(" ", _LONGEST_LINE // 2, _LONGEST_LINE)
            cut = cut if cut > 0 else _LONGEST_LINE
            yield rest[:cut]
            rest = rest[cut:]
        yield rest


def _shortened(run: re.Match[str]) -> str:
    return run[0][:_LONGEST_RUN]


def paragraphs(lines: Iterable[str]) -> Iterator[Paragraph]:
    """Group lines by blank ones, which may hold tags; no paragraph is blank.

    Form feeds and trailing spaces are dropped, tabs expanded in front.
    """
    held: list[str] = []
    size = 0
    begin = 1
    for number, raw in enumerate(lines, 1):
        line = (_TAG.sub("", _ITALIC_TAG.sub("_", raw)) if "<" in raw else raw).rstrip()
        if bold := _BOLD_NAME.match(line):
            line = f"_{bold[1]}_{line[bold.end() :]}"
        if not line.isprintable():
            line = line.replace("\f", "").replace("\v", "")
            body = line.lstrip()
            line = line[: len(line) - len(body)].expandtabs() + body
        if line:
            if not held:
                begin = number
            held.append(line)
            size += len(line)
        if held and (not line or len(held) >= _MOST_LINES or size >= _MOST_CHARACTERS):
            yield _paragraph(held, begin)
            held = []
            size = 0
    if held:
        yield _paragraph(held, begin)


def _paragraph(lines: list[str], line: int) -> Paragraph:
    text = "\n".join(lines)
    if "{" in text:
        text = _BRACES.sub(r"[\1]", text)
    return Paragraph(text, line)


def without_notes(text: str) -> str:
    """Text without the signs that point to footnotes (`upon[12]`, `Rina.(1)`) and the tags of web pages (`<i>`)."""
    if "<" in text:
        text = _TAG.sub("", text)
    return _NOTE.sub("", text) if _NOTE_BEGINS.search(text) else text


def plain(text: str) -> str:
    """Text in one line, without the underscores and equals signs that stand for italics and bold.

    A word that the end of a line broke keeps its hyphen: many such words have one anyway.
    """
    if "-\n" in text:
        text = _BROKEN_WORD.sub("-", text)
    if "\u00ad" in text:
        text = _SOFT_HYPHEN.sub("", text)
    text = without_notes(text)
    if "_" in text:
        text = text.replace("_", " " if "__" in text else "")
    if "=" in text:
        text = text.replace("=", "")
    return " ".join(text.split())
