"""Decides what each paragraph of a play is: ordered tables of named rules, the first that applies decides.

`PARAGRAPHS` decides every paragraph within a play. Its end, `UNNAMED`, also decides words above the first name of a
paragraph.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts.body import Body
from scriptmodel_trainer.corpus.layouts.cues import Cue, CueKind
from scriptmodel_trainer.corpus.layouts.directions import closes_at, ends_open
from scriptmodel_trainer.corpus.layouts.evidence import Evidence
from scriptmodel_trainer.corpus.layouts.marks import centred_name, music_heading
from scriptmodel_trainer.corpus.layouts.paragraphs import plain
from scriptmodel_trainer.corpus.layouts.rules import Decision, Rule, read_by
from scriptmodel_trainer.corpus.layouts.unnamed import UNNAMED, Context

_NEAR = 12  # paragraphs in which brackets and italics close
_SAYS_I = re.compile(r"\s*I\s*[.!?…—-]+\s*")  # no page number
_VOICES = re.compile(
    r"\s*[\[(]_?(?P<who>(?:An? |The )?(?:[A-Z]?\w+ )?(?:[Vv]oices?|[Ss]houts|[Cc]ries)\b[^\])_]{0,40})_?[\])]"
    r"[.:]?\s+(?=\S)"
)


def read(body: Body, paragraph: Evidence, ahead: Sequence[Evidence]) -> Iterator[Event]:
    """Yield the events that are complete once this paragraph is read; `ahead` are those that follow it."""
    return _read(PARAGRAPHS, Context(body, paragraph, ahead))


def _read(rules: Sequence[Rule[Context]], place: Context) -> Iterator[Event]:
    return read_by(rules, place, place.paragraph.line, place.body.explain)


# Page furniture, headings, directions in brackets and italics


def _is_furniture(place: Context) -> bool:
    return place.paragraph.is_furniture and not (place.body.silent and _SAYS_I.fullmatch(place.text))


def _cut(place: Context, _: Any) -> Iterator[Event]:
    yield Event(EventKind.CUT, place.text, line=place.paragraph.line)


def _heading(place: Context, _: Any) -> Iterator[Event]:
    yield from place.body.end()
    yield Event(EventKind.HEADING, plain(place.text), line=place.paragraph.line)


def _opens_bracket(place: Context) -> bool:
    return place.paragraph.opens_only and not place.cues


def _bracket_closes_below(place: Context) -> bool:
    """Return whether a bracket closes in a following paragraph, before anyone speaks or another opens."""
    if not _opens_bracket(place):
        return False
    for other in itertools.islice(place.ahead, _NEAR):
        if place.body.recognizer.begins_with_cue(other) or other.text.lstrip(" _")[:1] in ("[", "("):
            return False
        if closes_at(other.text, depth=1) >= 0:
            return True
    return False


def _is_bracketed(place: Context) -> bool:
    """Return whether brackets or italics surround all of it, and no name begins the italics."""
    named = place.text.lstrip()[0] == "_" and place.body.recognizer.knows(place.paragraph)
    return place.paragraph.is_bracketed and not named


# Songs


def _song(place: Context) -> tuple[str] | None:
    """Return the singer that the heading of a song names, "" for none; a chorus that also speaks heads no song."""
    singer = music_heading(place.text)
    return None if singer is None or plain(place.text).rstrip(".:") in place.body.speakers else (singer,)


def _begin_song(place: Context, found: tuple[str]) -> Iterator[Event]:
    place.body.songs = True
    yield from place.exposition()
    yield from place.body.sing(found[0])


# Names, and words right after them


def _voices(place: Context) -> list[Cue] | None:
    """`(A voice outside) Words`."""
    found = None if place.body.silent else _VOICES.match(place.text)
    return [Cue(found["who"], CueKind.ASIDE, False, "", 0, found.end())] if found else None


def _speeches(place: Context, cues: list[Cue]) -> Iterator[Event]:
    """Yield what is before the first cue, and the speech of each cue."""
    before = place.text[: cues[0].start]
    if before.strip():
        yield from _read(UNNAMED, Context(place.body, Evidence(before, place.paragraph.line), place.ahead))
    for cue, following in itertools.zip_longest(cues, cues[1:]):
        if cue.start:
            place.body.explain(Decision(place.paragraph.line_at(cue.start), "speech", "name"))
        yield from place.body.begin(cue, place.paragraph, following.start if following else len(place.text))


PARAGRAPHS: tuple[Rule[Context], ...] = (
    Rule(
        "direction-continues",
        "exposition",
        lambda place: bool(place.body.open),
        lambda place, _: place.body.continue_direction(place.paragraph),
    ),
    Rule("page-furniture", "cut", _is_furniture, _cut),
    Rule("heading", "heading", lambda place: place.paragraph.is_heading, _heading),
    Rule(
        "bracket-closes-below",
        "exposition",
        _bracket_closes_below,
        lambda place, _: place.body.open_direction(place.paragraph),
    ),
    Rule(
        "bracket-never-closed",
        "exposition",
        _opens_bracket,
        lambda place, _: place.exposition(doubtful=ends_open(place.text)),
    ),
    Rule("brackets", "exposition", _is_bracketed, Context.exposition),
    Rule("song-heading", "exposition", _song, _begin_song),
    Rule(
        "singer",
        "speech",
        lambda place: centred_name(place.text) if place.body.songs else None,
        lambda place, singer: place.body.sing(singer),
    ),
    Rule("name", "speech", lambda place: place.cues or None, _speeches),
    Rule("voices", "speech", _voices, _speeches),
    *UNNAMED,
)
"""Rules for any paragraph within a play."""
