"""A paragraph in its context; whether words without a name continue the speech or are a direction without brackets."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from scriptmodel_trainer.corpus.events import Event
from scriptmodel_trainer.corpus.layouts.body import Body
from scriptmodel_trainer.corpus.layouts.cues import Cue
from scriptmodel_trainer.corpus.layouts.directions import is_quoted, narrates
from scriptmodel_trainer.corpus.layouts.evidence import Evidence
from scriptmodel_trainer.corpus.layouts.paragraphs import plain
from scriptmodel_trainer.corpus.layouts.rules import Rule

_CENTRED = " " * 24


@dataclass(frozen=True)
class Context:
    """A paragraph in its context: the play so far, and the paragraphs that follow."""

    body: Body
    paragraph: Evidence
    ahead: Iterable[Evidence]

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


def _nobody_speaks(place: Context, _: Any) -> Iterator[Event]:
    return place.exposition(doubtful=not (place.paragraph.addresses_nobody or place.paragraph.reads_like_direction))


def _begins_with_aside(place: Context) -> bool:
    """Return whether a direction in brackets begins words that continue."""
    seen = place.paragraph
    return place.text.strip().startswith(("[", "(")) and not (seen.reads_like_direction and seen.addresses_nobody)


def _is_stage_action(place: Context) -> bool:
    seen = place.paragraph
    return (seen.reads_like_direction or seen.is_curtain) and len(place.text) < 400 and seen.addresses_nobody


def _is_in_capitals(place: Context) -> bool:
    """`TABLEAU`, `ACT DROP`, `FLASHBACK`."""
    shown = place.text.strip()
    return shown.isupper() and len(shown) < 80 and not (shown.endswith(("!", "?")) or is_quoted(shown))


def _is_centred(place: Context) -> bool:
    stripped = place.text.strip()
    return place.text.startswith(_CENTRED) and len(stripped) < 40 and stripped[-1].isalnum()


def _is_narration(place: Context) -> bool:
    """Return whether prose describes an action, in a play whose directions are not always in brackets."""
    text, body = place.text, place.body
    if not body.cast.plain_directions or body.singing:
        return False
    return narrates(text.rstrip(":;") + ".") if text[0] == " " else place.paragraph.narrates  # `ANNA sings:`


def _names_someone(place: Context) -> bool:
    """`HELENA goes out. A pause.`: a capital name that does not speak here, in a short paragraph."""
    words = plain(place.text[:200]).split()
    named = bool(words) and words[0].strip(".,") in place.body.speakers
    return named and words[0].isupper() and len(place.text) < 240 and place.paragraph.addresses_nobody


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
"""Rules for words without a name before them."""
