"""Printed plays: a cue (who speaks) and the speech, directions in brackets or on their own, front matter before it."""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts.body import Body
from scriptmodel_trainer.corpus.layouts.cast import Cast, cast_of
from scriptmodel_trainer.corpus.layouts.directions import is_bracketed
from scriptmodel_trainer.corpus.layouts.marks import (
    is_closing,
    is_front_heading,
    is_furniture,
    is_heading,
    is_rule,
)
from scriptmodel_trainer.corpus.layouts.paragraphs import Paragraph, paragraphs
from scriptmodel_trainer.corpus.layouts.survey import Style, survey

_NEAR = 12  # paragraphs looked at to see whether a play has begun
_ENOUGH = 4  # cues among them
_AHEAD = 40  # paragraphs looked at for a play that begins with a long speech, or has ended
_BACK = 60  # paragraphs before the first cue in which the heading of its scene is looked for
_CURTAIN = re.compile(r"CURTAIN|TABLEAU|DROP|DANCE")
_PROSE = 55  # characters; lines of prose are longer, those of verse shorter


class StageParser:
    """Reads files of one cue style; another play in the same file may have another style."""

    def __init__(self, style: Style) -> None:
        self._style = style

    def score(self, sample: Sequence[str]) -> float:
        """How well the style fits a sample of lines, 0 to 1."""
        return min(0.98, survey(tuple(sample)).share(self._style))

    def parse(self, lines: Iterable[str], sample: Sequence[str]) -> Iterator[Event]:
        """Events of a file; `sample` are lines of it, from which the speakers are learned."""
        cast = cast_of(sample, self._style)
        source = paragraphs(lines)
        ahead: deque[Paragraph] = deque()
        front: deque[Paragraph] = deque()
        body: Body | None = None
        while True:
            ahead.extend(itertools.islice(source, _AHEAD - len(ahead)))
            if not ahead:
                break
            paragraph = ahead.popleft()
            if body is not None and _ends(paragraph, ahead, cast):
                yield from body.end()
                body = None
            elif body is None and _begins(paragraph, ahead, cast):
                body = Body(cast)
                yield from _opening(front, body, ahead)
            if body is not None:
                yield from body.read(paragraph, ahead)
                continue
            front.append(paragraph)
            if len(front) > _BACK:
                yield _cut(front.popleft())
        if body is not None:
            yield from body.end()
        yield from map(_cut, front)


def _begins(paragraph: Paragraph, ahead: deque[Paragraph], cast: Cast) -> bool:
    """A play begins where someone speaks and others soon do, too."""
    if not cast.begins_with_cue(paragraph, sure=True):
        return False
    known = cast.knows(paragraph)
    inside = sum(1 for _ in cast.cues(paragraph)) - 1
    near = 0
    for other in ahead if known else itertools.islice(ahead, _NEAR):
        if is_front_heading(other.text):
            return False
        near += cast.begins_with_cue(other, sure=True)
        if near + inside >= _ENOUGH:
            return True
    return near + inside >= min(_ENOUGH, max(0, len(ahead) - 1) // 2)


def _ends(paragraph: Paragraph, ahead: deque[Paragraph], cast: Cast) -> bool:
    """A play ends at words that say so, at a new front matter, or where nobody speaks any more."""
    text = paragraph.text
    if cast.begins_with_cue(paragraph) or (is_furniture(text) and not is_rule(text)):
        return False
    if is_closing(text) or is_front_heading(text):
        return True
    if text.strip().isupper() and len(text) < 100 and _title_page(ahead, cast):
        return not _CURTAIN.search(text)
    if is_rule(text):
        return not any(map(cast.begins_with_cue, ahead)) and any(not is_furniture(other.text) for other in ahead)
    if len(ahead) < _AHEAD - 1 or cast.begins_with_cue(ahead[0]):
        return False
    prose = sum(1 for other in ahead if not _verse(other) and not is_bracketed(other.text))
    return prose > len(ahead) // 2 and not any(map(cast.begins_with_cue, ahead))


def _title_page(ahead: deque[Paragraph], cast: Cast) -> bool:
    """Whether the next play's cast list comes before anyone speaks."""
    for other in itertools.islice(ahead, _NEAR):
        if is_front_heading(other.text):
            return True
        if cast.begins_with_cue(other):
            return False
    return False


def _verse(paragraph: Paragraph) -> bool:
    """Short lines."""
    lines = paragraph.text.split("\n")
    return sum(len(line.strip()) < _PROSE for line in lines) > len(lines) // 2


def _opening(front: deque[Paragraph], body: Body, ahead: deque[Paragraph]) -> Iterator[Event]:
    """What stands before the first cue: cut up to the last heading of an act or scene, the rest belongs to it."""
    held = list(front)
    front.clear()
    headings = [index for index, paragraph in enumerate(held) if is_heading(paragraph.text)]
    start = len(held)
    if headings:
        start = headings[-1]
        while start and (start - 1 in headings or is_furniture(held[start - 1].text)):  # ACT I, then SCENE I
            start -= 1
        while is_furniture(held[start].text):
            start += 1
    else:
        start = _bracketed_before(held)
    for index, paragraph in enumerate(held):
        if index < start:
            yield _cut(paragraph)
        else:
            yield from body.read(paragraph, deque([*held[index + 1 :], *ahead]))


def _bracketed_before(held: list[Paragraph]) -> int:
    """Where no heading is: directions in brackets right before the first cue; one may span paragraphs."""
    if held and held[-1].text.rstrip("_. ").endswith(("]", ")")):
        for index in range(len(held) - 1, max(-1, len(held) - 12), -1):
            text = "\n".join(paragraph.text for paragraph in held[index:])
            if text.lstrip()[0] in "[(" and is_bracketed(text):
                return index
    start = len(held)
    while start and is_bracketed(held[start - 1].text):
        start -= 1
    return start


def _cut(paragraph: Paragraph) -> Event:
    return Event(EventKind.CUT, paragraph.text, line=paragraph.line)
