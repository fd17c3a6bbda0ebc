"""Paragraphs of a printed screenplay, whose names stand in the middle of the line, as they were written."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from scriptmodel_trainer.corpus.layouts.marks import is_furniture
from scriptmodel_trainer.corpus.layouts.paragraphs import Paragraph

_MIDDLE = 8  # spaces before names that stand in the middle of the line
_ASIDE = re.compile(r"\s*\([^()]*\)?\s*")


@dataclass(frozen=True, slots=True)
class ScreenplayStyle:
    """How a file prints a screenplay.

    `speaks` is true for a name above words, `alone` for a line that is a paragraph of its own: a slugline, `CUT TO:`.
    """

    speaks: Callable[[str], bool]
    alone: Callable[[str], bool]
    centred: bool = False  # names are centred on their lines

    def recut(self, source: Iterable[Paragraph]) -> Iterator[Paragraph]:
        """Yield paragraphs, each speech in one and what is above and below it in others."""
        for paragraph in source:
            lines = paragraph.text.split("\n")
            begin = 0
            for at in range(1, len(lines)) if self.centred else ():
                if self._begins(lines, begin, at):
                    yield Paragraph("\n".join(lines[begin:at]), paragraph.line + begin)
                    begin = at
            yield Paragraph("\n".join(lines[begin:]), paragraph.line + begin) if begin else paragraph

    def _begins(self, lines: Sequence[str], begin: int, at: int) -> bool:
        """Return whether another paragraph begins here: a line that stands alone, a name, action below a speech."""
        if self.alone(lines[at]) or self.alone(lines[at - 1]) or self.is_name(lines, at):
            return True
        words = next((line for line in lines[begin + 1 : at] if not _ASIDE.fullmatch(line)), "")
        return _indent(lines[at]) <= _indent(words) - _MIDDLE and self.is_name(lines, begin)

    def is_name(self, lines: Sequence[str], at: int) -> bool:
        """Return whether this line is a centred name, further right than the lines above and below it."""
        above = 0 if not at or is_furniture(lines[at - 1]) else _indent(lines[at - 1])
        if _indent(lines[at]) < _MIDDLE or at + 1 == len(lines):
            return False
        right = _indent(lines[at]) > max(above, _indent(lines[at + 1]))
        return right and self.speaks(f"{lines[at]}\n{lines[at + 1]}")


def learn(sample: Iterable[Paragraph], speaks: Callable[[str], bool], alone: Callable[[str], bool]) -> ScreenplayStyle:
    """Return how a sample of a screenplay is printed."""
    style = ScreenplayStyle(speaks, alone)
    centred = others = 0
    for paragraph in sample:
        lines = paragraph.text.split("\n")
        centred += sum(style.is_name(lines, at) for at in range(1, len(lines)))
        if speaks(paragraph.text):
            centred += paragraph.indent >= _MIDDLE
            others += paragraph.indent < _MIDDLE
    return replace(style, centred=centred > others)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
