"""Printed plays: a cue (who speaks) and the speech, directions in brackets or on their own, front matter before it."""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts.body import Body
from scriptmodel_trainer.corpus.layouts.cast import cast_of
from scriptmodel_trainer.corpus.layouts.closing import AHEAD, ends
from scriptmodel_trainer.corpus.layouts.decisions import read
from scriptmodel_trainer.corpus.layouts.directions import closes_at
from scriptmodel_trainer.corpus.layouts.evidence import Evidence
from scriptmodel_trainer.corpus.layouts.front import TITLE, first_of_play
from scriptmodel_trainer.corpus.layouts.marks import announces_play, is_closing
from scriptmodel_trainer.corpus.layouts.opening import begins, begins_without_names, only_lists, untitled
from scriptmodel_trainer.corpus.layouts.paragraphs import Paragraph, paragraphs, plain
from scriptmodel_trainer.corpus.layouts.recognizer import Recognizer
from scriptmodel_trainer.corpus.layouts.rules import Decision, Explain, silent
from scriptmodel_trainer.corpus.layouts.survey import Style, survey

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
    source = _directions_apart(paragraphs(lines), recognizer)
    ahead: deque[Evidence] = deque()
    front: deque[Evidence] = deque()
    body: Body | None = None
    before: Evidence | None = None
    outside = "before-the-play"  # why paragraphs are no part of one
    played = False  # a play, to its end
    quoting = False  # a preface quotes the play that is yet to be announced
    closed = listed = False  # with words that say so, or a catalogue: what follows is no play unless it has a title
    while True:
        ahead.extend(itertools.islice(source, AHEAD - len(ahead)))
        if not ahead:
            break
        paragraph = ahead.popleft()
        if body is not None and (over := ends(paragraph, ahead, recognizer, before)):
            outside = f"ended-by-{over}"
            yield from body.end()
            listed = paragraph.is_back_matter
            body, played, closed = None, True, listed or paragraph.is_closing
        elif (
            body is None
            and not quoting
            and begins(paragraph, front, ahead, recognizer)
            and not (closed and untitled(front, listed))
            and not only_lists(paragraph, front, ahead, played)
        ):
            body = Body(recognizer, explain)
            yield _title(front)
            yield from _opening(front, body, ahead)
        elif body is None and begins_without_names(paragraph, ahead, recognizer):
            body = Body(recognizer, explain)
            yield _title(front)
            yield from map(_cut, front)
            front.clear()
        if not paragraph.is_furniture:
            before = paragraph
        if body is not None:
            yield from read(body, paragraph, ahead)
            continue
        explain(Decision(paragraph.line, "cut", outside))
        front.append(paragraph)
        quoting = paragraph.text in recognizer.cast.prefaces or (quoting and not announces_play(paragraph.text))
        if len(front) > _BACK:
            yield _cut(front.popleft())
    if body is not None:
        yield from body.end()
    yield from map(_cut, front)


def _directions_apart(source: Iterable[Paragraph], recognizer: Recognizer) -> Iterator[Evidence]:
    """Paragraphs, a direction in brackets on lines of its own apart from the cue right below it."""
    for paragraph in source:
        text = paragraph.text
        end = text.find("\n", closes_at(text, depth=0)) if text[0] in "[(" else -1
        if end > 0:
            above, below = Evidence(text[:end], paragraph.line), Evidence(text[end + 1 :], paragraph.line_at(end + 1))
            if above.is_bracketed and recognizer.begins_with_cue(below):
                yield from (above, below)
                continue
        seen = Evidence(text, paragraph.line)
        start = recognizer.scene_inside(seen)
        if start > 0:
            yield Evidence(text[: start - 1], paragraph.line)
            yield Evidence(text[start:], paragraph.line_at(start))
        else:
            yield seen


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
        if 1 < len(title) < TITLE and not _apart(seen) and not is_closing(title):
            return title
    return ""


def _apart(seen: Evidence) -> bool:
    return seen.is_closing or seen.is_furniture or seen.is_front_heading or seen.text.startswith(_NO_TITLES)


def _cut(paragraph: Paragraph) -> Event:
    return Event(EventKind.CUT, paragraph.text, line=paragraph.line)
