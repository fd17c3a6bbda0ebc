"""Finds what of the paragraphs before the first speech of a play belongs to it."""

import re
from collections.abc import Sequence

from scriptmodel_trainer.corpus.layouts.directions import is_bracketed
from scriptmodel_trainer.corpus.layouts.evidence import Evidence
from scriptmodel_trainer.corpus.layouts.marks import mentions_print
from scriptmodel_trainer.corpus.layouts.paragraphs import plain

_RANKS = {"PROLOGUE": 0, "INDUCTION": 0, "PART": 1, "ACT": 2, "EPISODE": 2, "SCENE": 3, "PLACE": 4}
_LISTED = re.compile(r"\s*(?:(?:M|D)(?:RS?|rs?)\. )?[A-Z][^.?!\n]{1,40}[.,]?")
_DESCRIBED = re.compile(r"\s*[A-Z]{2}[A-Z .'’-]*,.*")
LISTS_ON = re.compile(r"\s*_?[A-Z]{2}[A-Z .'’-]*(?:,.*|[_:]*\s*)", re.DOTALL)
_FEW = 5  # words of a name in a list
TITLE = 100  # characters


def first_of_play(held: Sequence[Evidence]) -> int:
    """Return the index at which the play starts among the paragraphs before its first speech.

    That is the last heading of a scene, with the headings of its act and of a prologue before it, and the scene before
    if only a direction makes it up. Where there is no heading, or a cast list follows it, that is a direction right
    before the first speech. What is above it is cut.
    """
    after = _after_lists(held, 0)
    headings = [index for index, paragraph in enumerate(held) if heads_scene(paragraph)]
    if headings and headings[-1] < after and held[after - 1].is_front_heading:
        headings = []  # above a cast list
    if not headings:
        if not after:
            return min(_bracketed_before(held), _narrated_from(held))
        return _described_from(held, max(_bracketed_before(held), _lists_end(held)), after)
    start = headings.pop()
    used = {held[start].heading_kind}
    while headings:
        earlier = headings.pop()
        kind = held[earlier].heading_kind
        adjacent = all(paragraph.is_furniture for paragraph in held[earlier + 1 : start])
        higher = _RANKS.get(kind, 9) < min(_RANKS.get(name, -1) for name in used)
        adjacent = adjacent and (higher or kind in ("PLACE", ""))
        if kind in used or not (adjacent or (higher and _after_lists(held[:start], earlier) == earlier)):
            break  # a table of contents
        used.add(kind)
        start = earlier
    return _after_lists(held, start)


def heads_scene(paragraph: Evidence) -> bool:
    return paragraph.is_heading and paragraph.heading_kind != "END"


def lists_names(paragraph: Evidence) -> bool:
    lines = paragraph.text.split("\n")
    listed = sum(
        (_LISTED.fullmatch(line) is not None and len(line.split()) <= _FEW) or _DESCRIBED.fullmatch(line) is not None
        for line in lines
    )
    return len(lines) > 2 and listed > len(lines) // 2


def is_repeated(front: Sequence[Evidence], paragraph: Evidence) -> bool:
    """Return whether the same words were alone in a paragraph before: the title, on two pages."""
    words = plain(paragraph.text)
    return len(words) < TITLE and any(plain(other.text) == words for other in front if len(other.text) < TITLE)


def _after_lists(held: Sequence[Evidence], start: int) -> int:
    """Return the index after the last cast list or credits that follow `start`, or `start` itself."""
    after = (index + 1 for index in range(len(held) - 1, start, -1) if held[index].is_front_heading)
    return next(after, start)


def _bracketed_before(held: Sequence[Evidence]) -> int:
    """Return where the directions in brackets right before the first cue start; one may span paragraphs."""
    if held and held[-1].text.rstrip("_. ").endswith(("]", ")")):
        for index in range(len(held) - 1, max(-1, len(held) - 12), -1):
            text = "\n".join(paragraph.text for paragraph in held[index:])
            if text.lstrip()[0] in "[(" and is_bracketed(text):
                return _bracketed_from(held, index)
    return _bracketed_from(held, len(held))


def _lists_end(held: Sequence[Evidence]) -> int:
    """Return the index after the last paragraph of a cast list before the first cue, 0 without one."""
    start = _after_lists(held, 0)
    if not start:
        return 0
    listed = (
        index + 1
        for index in range(len(held) - 1, start - 1, -1)
        if lists_names(held[index]) or LISTS_ON.fullmatch(held[index].text)
    )
    return next(listed, start)


def _narrated_from(held: Sequence[Evidence]) -> int:
    """Return where the description of the scene between the title and the first speech starts, if there is one."""
    start = len(held)
    while start and any((held[start - 1].narrates, held[start - 1].is_bracketed, held[start - 1].is_furniture)):
        start -= 1
    titled = start and held[start - 1].text.strip().isupper() and len(held[start - 1].text) < TITLE
    return start if titled else len(held)


def _described_from(held: Sequence[Evidence], start: int, first: int) -> int:
    """Return where the description of the room below a cast list starts: it belongs to the play."""
    while start > first > 0 and (held[start - 1].is_bracketed or _describes(held[start - 1])):
        start -= 1
    return start


def _describes(paragraph: Evidence) -> bool:
    text = paragraph.text
    return "\n" in text and paragraph.narrates and not mentions_print(text) and not lists_names(paragraph)


def _bracketed_from(held: Sequence[Evidence], start: int) -> int:
    while start and held[start - 1].is_bracketed:
        start -= 1
    return start
