"""Learns from a sample of a file who speaks, how names are set there and how directions look.

A layout of printed plays is data: the forms in which a name is set. Everything else is counted in the file.
"""

import functools
import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from scriptmodel_trainer.corpus.layouts.cues import Cue, CueKind, candidates
from scriptmodel_trainer.corpus.layouts.directions import is_bracketed, is_verse, narrates
from scriptmodel_trainer.corpus.layouts.marks import is_furniture, is_heading
from scriptmodel_trainer.corpus.layouts.names import times_required
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
_OFTEN = 4
_MOSTLY = 0.8
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
    headed: Counter[str] = field(default_factory=Counter)  # names alone right below the heading of an act or a scene
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
    headed = named = False  # by the paragraph before
    for paragraph in paragraphs(_without_licence(sample)):
        text = paragraph.text
        marks = [line.lstrip(" _")[:1] for line in text.split("\n")]
        result.square += marks.count("[")
        result.round += marks.count("(")
        result.lower.update(_LOWER.findall(text))
        if (heading := is_heading(text)) or is_furniture(text):
            headed = heading
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
            result.headed[cue.name] += alone and headed
        headed, named = False, alone and cues[0].caps
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


@dataclass(frozen=True, slots=True)
class CastForms:
    """Who speaks in a file and how that is printed, as its survey shows."""

    names: frozenset[str]  # of those who speak more than once, anywhere in the file
    alone: frozenset[str]  # names that often stand on lines of their own
    forms: frozenset[Form]  # accepted with a known name
    main: frozenset[Form]  # accepted with any name at the start of a paragraph
    dense: bool  # names stand at the beginning of lines inside paragraphs, too
    spaced: bool  # lines begin with a name and nothing between it and the words
    lined: bool  # almost every line begins with a name and a colon
    lower: frozenset[str]  # words that the file also writes small
    width: int  # characters of a full line
    plain_directions: bool  # directions are not always in brackets
    kinds: tuple[tuple[bool, frozenset[CueKind]], ...]  # of cue to search for, with names in capitals and with others
    full_stops: bool  # between name and words
    round_brackets: bool  # hold directions, not only asides of a sentence
    italic: bool  # names are in italics


def cast_of(sample: Sequence[str], style: Style) -> CastForms:
    """Learn a file's conventions from a sample of its lines; `style` is that of its layout."""
    found = survey(tuple(sample))
    names = _repeated(found, style)
    totals: Counter[Form] = Counter()
    for counted in (found.first, found.inside):
        for form, counts in counted.items():
            totals[form] += sum(count for name, count in counts.items() if name in names)
    total = max(1, totals.total())
    main = {form for form, count in totals.items() if count >= 0.05 * total and form[1] in STRONG}
    main |= {form for form in style if form[0] or totals[form] >= 0.05 * total}
    forms = {form for form, count in totals.items() if count >= max(3, 0.01 * total)} | main
    inside = [found.inside[form].items() for form in main if form in found.inside]
    lines = sum(count for counts in inside for name, count in counts if name in names)  # that begin with a cue
    names |= _recurring(found, main, forms)
    alone = found.first.get((True, CueKind.ALONE), Counter()) - found.headed
    besides = STRONG | {CueKind.ALONE} | ({CueKind.SPACE} if (True, CueKind.COLUMN) in forms else set())
    dense = lines > 0.2 * sum(found.first[form].total() for form in main if form in found.first)
    return CastForms(
        names=names,
        alone=frozenset(name for name, count in alone.items() if count >= _OFTEN),
        forms=frozenset(forms),
        main=frozenset(main - {(True, CueKind.SPACE)}),
        dense=dense,
        spaced=dense and totals[True, CueKind.SPACE] > 0.5 * total,
        lined=totals[True, CueKind.COLON] + totals[False, CueKind.COLON]
        > _MOSTLY * sum(map(bool, map(str.strip, sample))),
        lower=frozenset(found.lower),
        width=found.width,
        plain_directions=_directions_are_plain(found, forms, names),
        kinds=tuple(
            (caps, frozenset({kind for case, kind in forms if case is caps} | besides))
            for caps in sorted({caps for caps, _ in forms})
        ),
        full_stops=not main.isdisjoint(((True, CueKind.PERIOD), (False, CueKind.PERIOD))),
        round_brackets=found.square < 10 or found.round > 0.1 * found.square,
        italic=found.italic.total() > 0.5 * totals.total(),
    )


def _repeated(found: Survey, style: Style) -> frozenset[str]:
    """Names that begin two paragraphs, or several lines inside some: in capitals two, else five."""
    accepted = [form for form in {*found.first, *found.inside} if form in style or form[1] in STRONG]
    first: Counter[str] = Counter()
    total: Counter[str] = Counter()
    capital: set[str] = set()
    for form in accepted:
        first.update(found.first.get(form, {}))
        total.update(found.inside.get(form, {}))
        if form[0]:
            capital.update(found.first.get(form, {}), found.inside.get(form, {}))
    total.update(first)
    return frozenset(
        name
        for name, count in total.items()
        if first[name] >= times_required(name) or count >= (times_required(name) if name in capital else 5)
    )


def _recurring(found: Survey, main: Set[Form], forms: Set[Form]) -> frozenset[str]:
    """Names in capitals that begin a paragraph in a main form once, and recur in others that need a known name."""
    counts: Counter[str] = Counter()
    for form in forms:
        counts.update(found.first.get(form, {}))
        counts.update(found.inside.get(form, {}))
    begun = {name for form in main if form[0] for name in found.first.get(form, ())}
    return frozenset(name for name in begun if counts[name] >= _OFTEN)


def _directions_are_plain(found: Survey, forms: Set[Form], names: Set[str]) -> bool:
    """Return whether most paragraphs without cue and brackets between speeches read like directions."""
    begins = [
        next((cue for cue in cues[:1] if cue.start == 0 and (cue.caps, cue.kind) in forms and cue.name in names), None)
        for cues in found.cues
    ]
    alone = sum(counts.total() for (_, kind), counts in found.first.items() if kind in (CueKind.ALONE, CueKind.ABOVE))
    below = alone > 2 * found.detached  # words stand right below the names
    narrated = spoken = 0
    for index in range(2, len(begins) - 2):
        before, after = begins[index - 2 : index], begins[index + 1 : index + 3]
        if begins[index] is not None or found.narrations[index] is None or not any(before) or not any(after):
            continue
        if before[1] is not None and before[1].kind is CueKind.ALONE and not below:
            continue  # the words of the name before it
        narrated += bool(found.narrations[index])
        spoken += not found.narrations[index]
    return narrated > (2 if below else 1) * spoken  # there a paragraph without a name may be more words
