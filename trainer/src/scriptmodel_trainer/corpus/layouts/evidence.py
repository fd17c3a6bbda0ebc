"""What the text of one paragraph shows, whatever the file around it: each fact is computed once, when it is needed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeVar

from scriptmodel_trainer.corpus.layouts import cues, directions, marks
from scriptmodel_trainer.corpus.layouts.paragraphs import Paragraph

_PROSE = 55  # characters; lines of prose are longer, those of verse shorter
_T = TypeVar("_T")


def _shown_by(compute: Callable[[str], _T]) -> cached_property[_T]:
    """A fact that the text shows; the function that computes it says what it means."""
    return cached_property(lambda seen: compute(seen.text))


def _is_short_lined(text: str) -> bool:
    """Most lines are shorter than those of prose."""
    lines = text.split("\n")
    return sum(len(line.strip()) < _PROSE for line in lines) > len(lines) // 2


@dataclass(frozen=True)
class Evidence(Paragraph):
    """A paragraph with its facts."""

    is_heading = _shown_by(marks.is_heading)
    heading_kind = _shown_by(marks.heading_kind)
    heads_scene = _shown_by(marks.heads_scene)
    lists_names = _shown_by(marks.lists_names)
    heads_first = _shown_by(marks.heads_first)
    is_furniture = _shown_by(marks.is_furniture)
    is_rule = _shown_by(marks.is_rule)
    is_curtain = _shown_by(marks.is_curtain)
    is_closing = _shown_by(marks.is_closing)
    is_front_heading = _shown_by(marks.is_front_heading)
    is_back_matter = _shown_by(marks.is_back_matter)
    is_bracketed = _shown_by(directions.is_bracketed)
    opens_only = _shown_by(directions.opens_only)
    reads_like_direction = _shown_by(directions.reads_like_direction)
    addresses_nobody = _shown_by(directions.addresses_nobody)
    is_verse = _shown_by(directions.is_verse)
    narrates = _shown_by(directions.narrates)
    is_short_lined = _shown_by(_is_short_lined)
    caps_cue = _shown_by(partial(cues.candidate_at_start, caps=True))
    title_cue = _shown_by(partial(cues.candidate_at_start, caps=False))
