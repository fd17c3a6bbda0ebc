"""Counts over a sample of a file: names that are set as cues are, words, lines, how paragraphs read."""

import functools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scriptmodel_trainer.corpus.layouts.cues import SCENE, Cue, CueKind, candidates, is_scene
from scriptmodel_trainer.corpus.layouts.directions import is_bracketed, is_verse, narrates
from scriptmodel_trainer.corpus.layouts.marks import announces_play, is_furniture, is_heading, is_preface
from scriptmodel_trainer.corpus.layouts.paragraphs import paragraphs

Form = tuple[bool, CueKind]  # names in capitals or not, and what follows the name

_MANY = 20  # cues
_ABOVE = 5  # times as many names right above the words as names alone in their paragraphs
_EDGE = re.compile(r"\*\*\* ?(START|END) OF TH(?:E|IS) PROJECT GUTENBERG")
_LOWER = re.compile(r"(?<![^\W_])[^\W\d_A-Z][^\W\d_]+")
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


@dataclass(slots=True)
class Preface:
    """A text before a play: its heading, and its first and last paragraph among those with `cues`."""

    heading: str
    begin: int
    end: int = 0  # 0 if no play follows


@dataclass(slots=True)
class Survey:
    """Counts over a sample: names by form, at the beginning of paragraphs and of lines inside them."""

    first: dict[Form, Counter[str]] = field(default_factory=dict)
    inside: dict[Form, Counter[str]] = field(default_factory=dict)
    cues: list[list[Cue]] = field(default_factory=list)  # of each paragraph
    prefaces: list[Preface] = field(default_factory=list)
    lower: Counter[str] = field(default_factory=Counter)  # words that do not begin with a capital
    italic: Counter[str] = field(default_factory=Counter)  # names in italics with a full stop before words
    detached: dict[Form, Counter[str]] = field(default_factory=dict)  # names alone in their paragraph
    softly: Counter[str] = field(default_factory=Counter)  # words alone in italics: names, or how something is said
    places: Counter[str] = field(default_factory=Counter)  # of those, right below the heading of an act or a scene
    # Whether each paragraph reads like a direction; None in brackets or verse.
    narrations: list[bool | None] = field(default_factory=list)
    attached: bool = False  # names alone on their lines stand right above the words
    width: int = 0  # characters of a full line
    square: int = 0  # lines that are a direction in square brackets
    round: int = 0  # in parentheses

    def share(self, style: Style) -> float:
        """How much of the sample a style explains, 0 to 1: its cues for each paragraph, or line with a cue.

        Where a file has hardly any paragraphs, the style with more cues explains more.
        """
        names = self._names(style)
        found = held = 0
        for cues in self.cues:
            number = sum(1 for cue in cues if (cue.caps, cue.kind) in style and cue.name in names)
            found += number
            held += max(1, number)
        return found / (held + 1) if found >= 3 else 0.0

    def count_directions(self, text: str) -> None:
        """Count how a paragraph sets its directions apart, if it holds any."""
        for line in text.split("\n"):
            first = line.lstrip(" _")[:1]
            self.square += first == "["
            self.round += first == "("

    def find_preface(self, text: str) -> None:
        """Note where a preface begins, and where the play that follows it is announced."""
        if self.prefaces and not self.prefaces[-1].end and announces_play(text):
            self.prefaces[-1].end = len(self.cues)
        elif is_preface(text):
            self.prefaces.append(Preface(text, len(self.cues)))

    def join_detached(self) -> None:
        """Count names alone in their paragraphs as cues, unless names stand right above the words: then as titles."""
        caps = sum(counted.get((True, CueKind.ALONE), Counter()).total() for counted in (self.first, self.detached))
        if self.softly.total() > caps:
            self.first[False, CueKind.PERIOD] = self.first.get((False, CueKind.PERIOD), Counter()) + self.softly
        for form, counts in self.detached.items():
            above = self.first.get(form, Counter()).total()
            self.attached = self.attached or above > max(_MANY, _ABOVE * counts.total())
            if above <= max(_MANY, _ABOVE * counts.total()):
                self.first[form] = self.first.get(form, Counter()) + counts

    def _names(self, forms: frozenset[Form]) -> frozenset[str]:
        counts: Counter[str] = Counter()
        for form in forms:
            counts += self.first.get(form, Counter()) + self.inside.get(form, Counter())
        return frozenset(
            name
            for name, count in counts.items()
            if count >= (2 if name.isupper() or any(kind in (CueKind.COLON, CueKind.DASH) for _, kind in forms) else 3)
        )


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


@functools.lru_cache(maxsize=1)
def survey(sample: tuple[str, ...]) -> Survey:
    """Survey the lines of a sample; the last result is cached, because every style uses it."""
    result = Survey()
    lengths = sorted(len(line) for line in sample if line.strip())
    result.width = lengths[len(lengths) * 95 // 100] if lengths else 0
    headed = named = False  # by the paragraph before
    for paragraph in paragraphs(_without_licence(sample)):
        text = paragraph.text
        result.count_directions(text)
        result.find_preface(text)
        result.lower.update(_LOWER.findall(text))
        heading = is_heading(text)
        cues = _cues(text) if not heading or text.count("\n") >= SCENE else []
        if (heading and not is_scene(text, cues)) or is_furniture(text):
            headed = heading
            continue
        alone = len(cues) == 1 and not text[cues[0].end :].strip()
        detached = alone and cues[0].kind is CueKind.ALONE
        softly = alone and cues[0].italic and not cues[0].caps
        result.cues.append(cues)
        for cue in cues:
            if softly and headed:
                continue  # a place
            if named and not cue.caps and cue.start == 0:
                continue  # the words of the name above
            if softly:
                result.softly[cue.name] += 1
                continue
            first = result.detached if detached else result.first
            where = result.inside if text[: cue.start].strip() else first
            where.setdefault((cue.caps, cue.kind), Counter())[cue.name] += 1
            if cue.italic:
                result.italic[cue.name] += 1
            if detached and headed:
                result.places[cue.name] += 1
        headed, named = False, detached and cues[0].caps
        bracketed = is_bracketed(text) or text.lstrip(" _")[:1] in ("[", "(")
        result.narrations.append(None if bracketed or is_verse(text) else narrates(text))
    result.join_detached()
    return result
