"""Screenplays, as Fountain or printed with centred names: sluglines, action, names, parentheticals, dialogue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts.paragraphs import Paragraph, is_furniture, is_heading, paragraphs, plain

_SLUG = re.compile(r"\s*(?:\d+\s+)?(?:INT|EXT|EST|INT\./EXT|INT/EXT|I/E)[. ]", re.IGNORECASE)
_SECTION = re.compile(r"\s*#{1,6}\s*(?P<text>.*)", re.DOTALL)
_NAME = re.compile(r"\s*@?(?P<name>[^\W\d_][^\n(a-z:!?]*?|@[^\n(]+?)\s*(?P<more>(?:\([^)\n]*\)\s*)*)\^?\s*(?:\n|$)")
_TRANSITION = re.compile(r"\s*(?:>.*(?<!<)|[A-Z ]+ TO:|FADE (?:IN|OUT).{0,12}|THE END\.?)\s*")
_TITLE_PAGE = re.compile(r"(?:title|credit|authors?|source|notes|draft date|date|contact|copyright)\s*:", re.IGNORECASE)
_NOTES = re.compile(r"\[\[.*?\]\]|/\*.*?\*/", re.DOTALL)
_ASIDE = re.compile(r"^\s*(\(.*\))\s*$", re.MULTILINE)
_SPOKEN_EXTENSIONS = frozenset(("V.O.", "VO", "O.S.", "OS", "O.C.", "CONT'D", "CONT’D", "CONTD", "CONTINUED", "MORE"))


def parse(lines: Iterable[str], sample: Sequence[str]) -> Iterator[Event]:
    """Events of a screenplay; the title page is no part of it."""
    del sample
    begun = False
    for paragraph in paragraphs(lines):
        text = _NOTES.sub("", paragraph.text)
        if not begun and _TITLE_PAGE.match(text):
            yield Event(EventKind.CUT, text, line=paragraph.line)
            continue
        begun = True
        yield from _events(Paragraph(text, paragraph.line))


def score(sample: Sequence[str]) -> float:
    """Share of paragraphs that are dialogue, for files that have sluglines or a title page; 0 for others."""
    found = [paragraph.text for paragraph in paragraphs(sample)]
    marks = sum(1 for text in found if _SLUG.match(text)) + (1 if found and _TITLE_PAGE.match(found[0]) else 0)
    if not marks:
        return 0.0
    spoken = sum(1 for text in found if _dialogue(text) is not None or _SLUG.match(text))
    return min(0.99, 0.3 + spoken / len(found)) if spoken >= 2 else 0.0


def _events(paragraph: Paragraph) -> Iterator[Event]:
    text, line = paragraph.text, paragraph.line
    if not text.strip():
        return
    if section := _SECTION.fullmatch(text):
        yield Event(EventKind.HEADING, plain(section["text"]), line=line)
    elif _SLUG.match(text) or (text.startswith(".") and not text.startswith("..")):
        yield from _scene(text.lstrip("."), line)
    elif _TRANSITION.fullmatch(text) or is_furniture(text) or text.lstrip().startswith("="):
        yield Event(EventKind.CUT, text, line=line)
    elif is_heading(text):
        yield Event(EventKind.HEADING, plain(text), line=line)
    elif (spoken := _dialogue(text)) is not None:
        yield Event(EventKind.SPEECH, spoken[1], spoken[0], line)
    else:
        yield Event(EventKind.EXPOSITION, plain(text.lstrip("!").replace("*", "")), line=line)


def _scene(text: str, line: int) -> Iterator[Event]:
    """A slugline, and the action that may follow it without a blank line."""
    slug, _, action = text.partition("\n")
    yield Event(EventKind.HEADING, plain(slug), line=line)
    if action.strip():
        yield Event(EventKind.EXPOSITION, plain(action), line=line + 1)


def _dialogue(text: str) -> tuple[str, str] | None:
    """Speaker and words, if the paragraph is a name on a line of its own with words below it."""
    match = _NAME.match(text)
    if match is None or _SLUG.match(text):
        return None
    words = text[match.end() :]
    name = match["name"].lstrip("@").strip(" .,-")
    if not words.strip() or not name or len(name) > 50 or is_heading(match.group()):
        return None
    extensions = [part.strip() for part in re.findall(r"\(([^)]*)\)", match["more"])]
    asides = "".join(f"({part}) " for part in extensions if part.upper() not in _SPOKEN_EXTENSIONS)
    spoken = _ASIDE.sub(r"\1", words).replace("*", "").replace("~", "")
    return name, asides + plain(spoken)
