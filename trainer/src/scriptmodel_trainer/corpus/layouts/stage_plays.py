"""Printed plays: a cue (who speaks) and the speech, directions in brackets or on their own, front matter before it."""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts.body import Body
from scriptmodel_trainer.corpus.layouts.decisions import read
from scriptmodel_trainer.corpus.layouts.edges import AHEAD, TITLE, begins, ends, first_of_play
from scriptmodel_trainer.corpus.layouts.evidence import Evidence
from scriptmodel_trainer.corpus.layouts.paragraphs import Paragraph, paragraphs, plain
from scriptmodel_trainer.corpus.layouts.recognizer import Recognizer
from scriptmodel_trainer.corpus.layouts.rules import Decision, Explain, silent
from scriptmodel_trainer.corpus.layouts.survey import Style, cast_of, survey

_ALMOST_ALL = 0.97  # of a sample; above it shares differ by the number of cues alone
_BACK = 60  # paragraphs before the first cue in which the heading of its scene is looked for

_NO_TITLES = ("***", "BY ", "ACT ", "SCENE ")


def score(style: Style, sample: Sequence[str]) -> float:
    """Return how well the style fits a sample of lines, 0 to 0.98: of two that explain almost all, more cues win."""
    share = survey(tuple(sample)).share(style)
    return min(share, _ALMOST_ALL + share / 100)


def parse(style: Style, lines: Iterable[str], sample: Sequence[str], explain: Explain = silent) -> Iterator[Event]:
    """Events of a file of one cue style; `sample` are lines of it, from which the speakers are learned.

    Another play in the same file may have another style.
    """
    title = ""
    for event in _events(style, lines, sample, explain):
        if isinstance(event, str):
            title = event
        else:
            yield replace(event, play=title) if title else event
            title = ""


def _events(style: Style, lines: Iterable[str], sample: Sequence[str], explain: Explain) -> Iterator[Event | str]:
    """Yield events, and the title of each play before its first one."""
    recognizer = Recognizer(cast_of(sample, style))
    source = (Evidence(each.text, each.line) for each in paragraphs(lines))
    ahead: deque[Evidence] = deque()
    front: deque[Evidence] = deque()
    body: Body | None = None
    before: Evidence | None = None
    outside = "before-the-play"  # why paragraphs are no part of one
    while True:
        ahead.extend(itertools.islice(source, AHEAD - len(ahead)))
        if not ahead:
            break
        paragraph = ahead.popleft()
        if body is not None and (over := ends(paragraph, ahead, recognizer, before)):
            outside = f"ended-by-{over}"
            yield from body.end()
            body = None
        elif body is None and begins(paragraph, front, ahead, recognizer):
            body = Body(recognizer, explain)
            yield _title(front)
            yield from _opening(front, body, ahead)
        if not paragraph.is_furniture:
            before = paragraph
        if body is not None:
            yield from read(body, paragraph, ahead)
            continue
        explain(Decision(paragraph.line, "cut", outside))
        front.append(paragraph)
        if len(front) > _BACK:
            yield _cut(front.popleft())
    if body is not None:
        yield from body.end()
    yield from map(_cut, front)


def _opening(front: deque[Evidence], body: Body, ahead: deque[Evidence]) -> Iterator[Event]:
    """Yield what is before the first cue, cut up to the start of the play."""
    held = list(front)
    front.clear()
    start = first_of_play(held)
    for index, paragraph in enumerate(held):
        if index < start:
            yield _cut(paragraph)
        else:
            yield from read(body, paragraph, [*held[index + 1 :], *ahead])


def _title(front: Iterable[Evidence]) -> str:
    """Return the title of the play below these paragraphs: the first lines in capitals, "" without one."""
    for seen in front:
        lines = map(plain, seen.text.split("\n"))
        title = " ".join(itertools.takewhile(lambda line: line.isupper() and not line.startswith(_NO_TITLES), lines))
        if 1 < len(title) < TITLE and not _apart(seen):
            return title
    return ""


def _apart(seen: Evidence) -> bool:
    return seen.is_closing or seen.is_front_heading


def _cut(paragraph: Paragraph) -> Event:
    return Event(EventKind.CUT, paragraph.text, line=paragraph.line)
