"""Lines to paragraphs, and the paragraphs that are the same in every printed play: headings, directions, furniture."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_LONGEST = 400  # lines; a file without blank lines is cut, so that memory stays flat
_HEADING = re.compile(
    r"(?:(?:ACT|SCENE|PART|TABLEAU|EPISODE)\b[ .:]*(?:THE )?(?:[IVXLC\d]+|ONE|TWO|THREE|FOUR|FIVE|FIRST|SECOND|THIRD|"
    r"FOURTH|FIFTH|LAST)\b.*|(?:THE )?(?:FIRST|SECOND|THIRD|FOURTH|FIFTH|LAST|[IVX]+)[ .]+(?:ACT|SCENE|PART)\b.{0,80}|"
    r"PROLOGUE|EPILOGUE|INDUCTION|INTERLUDE|(?:END|CURTAIN|CLOSE) OF (?:THE )?.{0,30}(?:ACT|SCENE|PLAY).{0,20}|"
    r"SCENE\s*[.:-].*|SCENE)[.:]?",
    re.IGNORECASE | re.DOTALL,
)
_CLOSING = re.compile(r"\W*(?:THE END|FINIS|END OF THE PLAY|\*+ ?END .*|END OF (?:THE )?PROJECT.*)\W*", re.IGNORECASE)
_PERSONS = re.compile(
    r"\W*(?:DRAMATIS PERSON|(?:THE )?PERSONS\b|(?:CAST OF )?CHARACTERS\b|CHARACTERS\b|(?:THE )?CAST\b|"
    r"(?:THE )?PEOPLE (?:IN|OF) THE PLAY|(?:TABLE OF )?CONTENTS\b|PREFACE\b|INTRODUCTION\b|FOOTNOTES?\b|"
    r"TRANSCRIBER)",
    re.IGNORECASE,
)
_FURNITURE = re.compile(
    r"\W*(?:\[?(?:pg|page)\.? ?\d+\]?|\d{1,4}|[ivxlc]{1,6}|[*=_~.\-–—•# ]+|\[illustration.*\]|\(?continued:?\)?|"
    r"\(?more\)?)\W*",
    re.IGNORECASE | re.DOTALL,
)
_DIRECTION_START = re.compile(
    r"(?:\W*)(?:Enters?|Re-?enters?|Exit|Exeunt|Curtain|The curtain|A pause|Pause|Silence|Music|Flourish|Alarums?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines between blank lines: `text` keeps its line breaks and indents, `line` is where it begins (1-based)."""

    text: str
    line: int

    @property
    def indent(self) -> int:
        """Leading spaces of the first line, a tab counted as eight."""
        first = self.text.partition("\n")[0].expandtabs()
        return len(first) - len(first.lstrip())


def paragraphs(lines: Iterable[str]) -> Iterator[Paragraph]:
    """Group lines by blank lines; form feeds and trailing spaces are dropped."""
    held: list[str] = []
    begin = 1
    for number, raw in enumerate(lines, 1):
        line = raw.replace("\f", "").replace("\v", "").rstrip()
        if line and not held:
            begin = number
        if line:
            held.append(line)
        if held and (not line or len(held) >= _LONGEST):
            yield Paragraph("\n".join(held), begin)
            held = []
            begin = number + 1
    if held:
        yield Paragraph("\n".join(held), begin)


def plain(text: str) -> str:
    """Text in one line, without the underscores and equals signs that stand for italics and bold."""
    return " ".join(text.replace("_", " " if "__" in text else "").replace("=", "").split())


def is_heading(text: str) -> bool:
    """True for the heading of an act, a scene or a part; a short paragraph, or one that begins with SCENE."""
    stripped = plain(text).strip("*# ")
    short = len(stripped) <= 120 or stripped[:5].isupper()
    return short and _HEADING.fullmatch(stripped) is not None


def is_furniture(text: str) -> bool:
    """True for page numbers, rules, ornaments and illustrations: no part of a script."""
    return len(text) < 200 and _FURNITURE.fullmatch(text.strip()) is not None


def is_closing(text: str) -> bool:
    """True for the words that end a play; what follows is not part of it."""
    return len(text) < 120 and _CLOSING.fullmatch(plain(text)) is not None


def is_front_heading(text: str) -> bool:
    """True for the heading of a cast list, a preface, contents: what follows is not part of a script."""
    return (
        len(text) < 3000
        and _PERSONS.match(plain(text.partition("\n")[0])) is not None
        and len(text.partition("\n")[0]) < 70
    )


def is_bracketed(text: str) -> bool:
    """True where one pair of brackets, or italics, surrounds all of it."""
    stripped = text.strip().rstrip(".;,")
    if len(stripped) < 3:
        return False
    first, last = stripped[0], stripped[-1]
    if first in "_" and last == "_" and stripped.count("_") == 2:
        return True
    if first not in "[(" or last not in "])":
        return False
    depth = 0
    for index, character in enumerate(stripped):
        depth += (character in "[(") - (character in "])")
        if depth <= 0 and index < len(stripped) - 1:
            return False
    return True


def opens_only(text: str) -> bool:
    """True where a bracket is opened by the first character and not closed again."""
    stripped = text.lstrip(" _")
    if not stripped.startswith(("[", "(")):
        return False
    return sum(stripped.count(mark) for mark in "[(") > sum(stripped.count(mark) for mark in "])")


def reads_like_direction(text: str) -> bool:
    """True where the first words are those of a stage direction."""
    return _DIRECTION_START.match(plain(text)) is not None


def without_brackets(text: str) -> str:
    """The words of a direction, without the brackets around it."""
    stripped = plain(text).strip()
    while len(stripped) > 1 and stripped[0] in "[(" and (stripped[-1] in "])" or stripped[-2:] in ("].", ").")):
        stripped = stripped[1:].rstrip(".").rstrip("])").strip()
    return (
        stripped.lstrip("[(")
        if stripped.count("[") + stripped.count("(") > stripped.count("]") + stripped.count(")")
        else stripped
    )
