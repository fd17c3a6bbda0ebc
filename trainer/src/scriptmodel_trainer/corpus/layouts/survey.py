"""Learns from a sample of a file who speaks, how names are set there and how directions look.

A layout of printed plays is data: the forms in which a name is set. Everything else is counted in the file.
"""

import functools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scriptmodel_trainer.corpus.layouts.cues import Cue, CueKind, candidates
from scriptmodel_trainer.corpus.layouts.directions import is_bracketed, is_verse, narrates
from scriptmodel_trainer.corpus.layouts.marks import is_furniture, is_heading
from scriptmodel_trainer.corpus.layouts.paragraphs import paragraphs

Form = tuple[bool, CueKind]  # names in capitals or not, and what follows the name
Style = frozenset[Form]
"""The forms of cue that make up a layout of printed plays."""
STYLES: Mapping[str, Style] = {
    "caps-period": frozenset(((True, CueKind.PERIOD), (True, CueKind.ASIDE))),
    "title-period": frozenset(((False, CueKind.PERIOD), (False, CueKind.ASIDE))),
    "caps-colon": frozenset(((True, CueKind.COLON),)),
    "title-colon": frozenset(((False, CueKind.COLON),)),
    "dash": frozenset(((True, CueKind.DASH), (False, CueKind.DASH))),
    "column": frozenset(((True, CueKind.COLUMN), (True, CueKind.SPACE))),
    "name-alone": frozenset(((True, CueKind.ALONE), (False, CueKind.ALONE), (False, CueKind.ABOVE))),
}
STRONG = frozenset((CueKind.PERIOD, CueKind.COLON, CueKind.DASH, CueKind.ASIDE))
_EDGE = re.compile(r"\*\*\* ?(START|END) OF TH(?:E|IS) PROJECT GUTENBERG")
_LOWER = re.compile(r"(?<![^\W_])[^\W\d_A-Z][^\W\d_]+")


@dataclass(slots=True)
class Survey:
    """Counts over a sample: names by form, at the beginning of paragraphs and of lines inside them."""

    first: dict[Form, Counter[str]] = field(default_factory=dict)
    inside: dict[Form, Counter[str]] = field(default_factory=dict)
    cues: list[list[Cue]] = field(default_factory=list)  # of each paragraph
    lower: Counter[str] = field(default_factory=Counter)  # words that do not begin with a capital
    italic: Counter[str] = field(default_factory=Counter)  # names in italics with a full stop before words
    detached: int = 0  # names alone in their paragraphs
    # Whether each paragraph reads like a direction; None in brackets or verse.
    narrations: list[bool | None] = field(default_factory=list)
    width: int = 0  # characters of a full line
    square: int = 0  # lines that are a direction in square brackets
    round: int = 0  # in parentheses

    def share(self, style: Style) -> float:
        """How much of the sample a style explains, 0 to 1: its cues for each paragraph, or line with a cue.

        Where a file has hardly any paragraphs, the style with more cues explains more.
        """
        counts: Counter[str] = Counter()
        for form in style:
            counts += self.first.get(form, Counter()) + self.inside.get(form, Counter())
        marked = any(kind in (CueKind.COLON, CueKind.DASH) for _, kind in style)
        names = {name for name, count in counts.items() if count >= (2 if name.isupper() or marked else 3)}
        numbers = [sum((cue.caps, cue.kind) in style and cue.name in names for cue in cues) for cues in self.cues]
        found, held = sum(numbers), sum(max(1, number) for number in numbers)
        return found / (held + 1) if found >= 3 else 0.0


@functools.lru_cache(maxsize=1)
def survey(sample: tuple[str, ...]) -> Survey:
    """Survey the lines of a sample; the last result is cached, because every style uses it."""
    result = Survey()
    lengths = sorted(len(line) for line in sample if line.strip())
    result.width = lengths[len(lengths) * 95 // 100] if lengths else 0
    named = False  # by the paragraph before
    for paragraph in paragraphs(_without_licence(sample)):
        text = paragraph.text
        marks = [line.lstrip(" _")[:1] for line in text.split("\n")]
        result.square += marks.count("[")
        result.round += marks.count("(")
        result.lower.update(_LOWER.findall(text))
        if is_heading(text) or is_furniture(text):
            continue
        cues = _cues(text)
        result.cues.append(cues)
        alone = len(cues) == 1 and cues[0].kind is CueKind.ALONE and not text[cues[0].end :].strip()
        result.detached += alone
        for cue in cues:
            if named and not cue.caps and cue.start == 0:
                continue  # the words of the name above
            where = result.inside if text[: cue.start].strip() else result.first
            where.setdefault((cue.caps, cue.kind), Counter())[cue.name] += 1
            result.italic[cue.name] += cue.italic
        named = alone and cues[0].caps
        bracketed = is_bracketed(text) or marks[0] in ("[", "(")
        result.narrations.append(None if bracketed or is_verse(text) else narrates(text))
    return result


def _without_licence(sample: Sequence[str]) -> Sequence[str]:
    """The lines between those at which a text of Project Gutenberg begins and ends, all if one of them is missing."""
    edges = [(index, edge[1]) for index, line in enumerate(sample) if line[:1] == "*" and (edge := _EDGE.match(line))]
    first = next((index + 1 for index, edge in edges if edge == "START"), 0)
    last = next((index for index, edge in reversed(edges) if edge == "END"), 0)
    return sample[first:last] if 0 < first < last else sample


def _cues(text: str) -> list[Cue]:
    """Return whatever stands where a name would in a paragraph; `Sir LUKE` is found twice and kept once."""
    cues = list(candidates(text, caps=True))
    seen = {(cue.start, cue.name) for cue in cues}
    return cues + [cue for cue in candidates(text, caps=False) if (cue.start, cue.name) not in seen]
