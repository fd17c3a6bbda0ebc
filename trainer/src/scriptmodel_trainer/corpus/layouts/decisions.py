"""Decides what each paragraph of a play is: ordered tables of named rules, the first that applies decides.

`PARAGRAPHS` decides every paragraph within a play. Its end, `UNNAMED`, also decides words above the first name of a
paragraph: whether words without a name continue the speech or are a direction without brackets.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts.body import Body
from scriptmodel_trainer.corpus.layouts.cues import Cue
from scriptmodel_trainer.corpus.layouts.directions import closes_at, ends_open, is_quoted, narrates
from scriptmodel_trainer.corpus.layouts.evidence import Evidence
from scriptmodel_trainer.corpus.layouts.marks import centred_name, music_heading
from scriptmodel_trainer.corpus.layouts.paragraphs import plain
from scriptmodel_trainer.corpus.layouts.rules import Decision, Rule, read_by

_NEAR = 12  # paragraphs in which brackets and italics close
_CENTRED = " " * 24
_SHORT = 240  # characters of a direction without brackets


@dataclass(frozen=True)
class Context:
    """A paragraph in its context: the play so far, and the paragraphs that follow."""

    body: Body
    paragraph: Evidence
    ahead: Sequence[Evidence]

    @property
    def text(self) -> str:
        return self.paragraph.text

    @cached_property
    def cues(self) -> list[Cue]:
        return self.body.recognizer.cues(self.paragraph)

    def exposition(self, _: Any = None, *, doubtful: bool = False) -> Iterator[Event]:
        """Give all of it as a direction."""
        return self.body.exposition(self.text, self.paragraph.line, doubtful)

    def words(self, _: Any) -> Iterator[Event]:
        """Give all of it as words of the one who speaks."""
        return self.body.lines(self.text, self.paragraph.line)


def read(body: Body, paragraph: Evidence, ahead: Sequence[Evidence]) -> Iterator[Event]:
    """Yield the events that are complete once this paragraph is read; `ahead` are those that follow it."""
    return _read(PARAGRAPHS, Context(body, paragraph, ahead))


def _read(rules: Sequence[Rule[Context]], place: Context) -> Iterator[Event]:
    return read_by(rules, place, place.paragraph.line, place.body.explain)


# Words without a name before them


def _nobody_speaks(place: Context, _: Any) -> Iterator[Event]:
    return place.exposition(doubtful=not place.paragraph.addresses_nobody)


def _begins_with_aside(place: Context) -> bool:
    """Return whether a direction in brackets begins words that continue."""
    return place.text.strip().startswith(("[", "(")) and not place.paragraph.reads_like_direction


def _is_stage_action(place: Context) -> bool:
    seen = place.paragraph
    return seen.is_curtain or (seen.reads_like_direction and len(place.text) < 2 * _SHORT and seen.addresses_nobody)


def _is_in_capitals(place: Context) -> bool:
    """`TABLEAU`, `ACT DROP`, `FLASHBACK`."""
    shown = place.text.strip()
    return shown.isupper() and not (shown.endswith(("!", "?")) or is_quoted(shown))


def _is_centred(place: Context) -> bool:
    stripped = place.text.strip()
    return place.text.startswith(_CENTRED) and len(stripped) < 40 and stripped[-1].isalnum()


def _is_narration(place: Context) -> bool:
    """Return whether prose describes an action, in a play whose directions are not always in brackets."""
    if not place.body.cast.plain_directions:
        return False
    return narrates(place.text.rstrip(":;") + ".") if place.text[0] == " " else place.paragraph.narrates


def _names_someone(place: Context) -> bool:
    """`HELENA goes out. A pause.`: a capital name that does not speak here, in a short paragraph."""
    first = plain(place.text[:_SHORT]).partition(" ")[0].strip(".,")
    acts = first.isupper() and first in place.body.speakers
    return acts and len(place.text) < _SHORT and place.paragraph.addresses_nobody


def _direction(place: Context, _: Any) -> Iterator[Event]:
    """Give a direction without brackets; after the curtain nobody speaks."""
    yield from place.exposition()
    if "CURTAIN" in place.text:
        place.body.speaker = ""


UNNAMED: tuple[Rule[Context], ...] = (
    Rule("nobody-speaks", "exposition", lambda place: not place.body.speaker, _nobody_speaks),
    Rule("first-words", "speech", lambda place: place.body.silent, Context.words),
    Rule("sentence-continues", "speech", lambda at: at.body.breaks_off and not at.paragraph.is_curtain, Context.words),
    Rule("begins-with-aside", "speech", _begins_with_aside, Context.words),
    Rule("stage-action", "exposition", _is_stage_action, _direction),
    Rule("capitals", "exposition", _is_in_capitals, _direction),
    Rule("centred", "exposition", _is_centred, _direction),
    Rule("narration", "exposition", _is_narration, _direction),
    Rule("names-someone", "exposition", _names_someone, _direction),
    Rule("speech-continues", "speech", lambda _: True, Context.words),
)


# Page furniture, headings, directions in brackets and italics, names


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


def _song(place: Context) -> tuple[str] | None:
    """Return the singer that the heading of a song names, "" for none; a chorus that also speaks heads no song."""
    singer = music_heading(place.text)
    return None if singer is None or plain(place.text).rstrip(".:") in place.body.speakers else (singer,)


def _begin_song(place: Context, found: tuple[str]) -> Iterator[Event]:
    place.body.songs = True
    yield from place.exposition()
    yield from place.body.sing(found[0])


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
    Rule("page-furniture", "cut", lambda place: place.paragraph.is_furniture, _cut),
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
    *UNNAMED,
)
"""Rules for any paragraph within a play."""
