"""What the text of one paragraph shows, whatever the file around it: each fact is computed once, when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from scriptmodel_trainer.corpus.layouts import cues, directions, marks
from scriptmodel_trainer.corpus.layouts.cues import Cue
from scriptmodel_trainer.corpus.layouts.paragraphs import Paragraph

_PROSE = 55  # characters; lines of prose are longer, those of verse shorter


_T = TypeVar("_T")


class fact(Generic[_T]):  # noqa: N801 - a decorator, as property is
    """A property that is computed when it is first read; unlike functools.cached_property it takes no lock."""

    def __init__(self, compute: Callable[[Any], _T]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    def __get__(self, seen: Any, owner: type | None = None) -> _T:
        """Compute the value, and let it replace this property in the object."""
        value: _T = self._compute(seen)
        seen.__dict__[self._name] = value
        return value


@dataclass(frozen=True)
class Evidence(Paragraph):
    """A paragraph with its facts; the functions that compute them say what they mean."""

    @classmethod
    def of(cls, paragraph: Paragraph) -> Evidence:
        """Return the evidence of a paragraph."""
        return cls(paragraph.text, paragraph.line)

    @fact
    def is_heading(self) -> bool:
        """The heading of an act, a scene or a part."""
        return marks.is_heading(self.text)

    @fact
    def heading_kind(self) -> str:
        """PROLOGUE, ACT, SCENE, PLACE or END, if it is a heading; "" for others."""
        return marks.heading_kind(self.text)

    @fact
    def is_furniture(self) -> bool:
        """A page number, a rule, an ornament or an illustration."""
        return marks.is_furniture(self.text)

    @fact
    def is_rule(self) -> bool:
        """A line of stars or strokes."""
        return marks.is_rule(self.text)

    @fact
    def is_curtain(self) -> bool:
        """The direction that ends an act or a play."""
        return marks.is_curtain(self.text)

    @fact
    def is_closing(self) -> bool:
        """The words that end a play."""
        return marks.is_closing(self.text)

    @fact
    def is_front_heading(self) -> bool:
        """The heading of a cast list, a preface, contents or notes."""
        return marks.is_front_heading(self.text)

    @fact
    def is_back_matter(self) -> bool:
        """The heading of what stands after the last play."""
        return marks.is_back_matter(self.text)

    @fact
    def is_bracketed(self) -> bool:
        """Brackets or italics around all of it."""
        return directions.is_bracketed(self.text)

    @fact
    def opens_only(self) -> bool:
        """A bracket at its beginning that it never closes."""
        return directions.opens_only(self.text)

    @fact
    def reads_like_direction(self) -> bool:
        """The first words of a stage direction."""
        return directions.reads_like_direction(self.text)

    @fact
    def tells(self) -> bool:
        """Words in which nobody is spoken to, nothing asked or exclaimed."""
        return directions.tells(self.text)

    @fact
    def is_verse(self) -> bool:
        """Short lines, each with a capital."""
        return directions.is_verse(self.text)

    @fact
    def narrates(self) -> bool:
        """Prose that tells what is done."""
        return directions.narrates(self.text)

    @fact
    def is_short_lined(self) -> bool:
        """Most lines are shorter than those of prose."""
        lines = self.text.split("\n")
        return sum(len(line.strip()) < _PROSE for line in lines) > len(lines) // 2

    @fact
    def caps_cue(self) -> Cue | None:
        """What stands where a name in capitals would, at the beginning."""
        return cues.candidate_at_start(self.text, caps=True)

    @fact
    def title_cue(self) -> Cue | None:
        """What stands where another name would, at the beginning."""
        return cues.candidate_at_start(self.text, caps=False)
