"""The speakers of a file, and the forms of cue that are accepted in it."""

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass

from scriptmodel_trainer.corpus.layouts.cues import CueKind
from scriptmodel_trainer.corpus.layouts.names import is_doubtful, times_required
from scriptmodel_trainer.corpus.layouts.survey import Form, Style, Survey, survey

STRONG = frozenset((CueKind.PERIOD, CueKind.COLON, CueKind.DASH, CueKind.ASIDE, CueKind.PHRASE))
GROUP_WORDS = frozenset(("The", "All", "Both", "Several", "Some", "Another", "Other", "First", "Second", "Third"))
_OFTEN = 4
_MANY = 20  # paragraphs
_MOSTLY = 0.8
_MOST_QUOTED = 40  # speeches in a preface
_QUOTED = 0.25  # of its paragraphs


@dataclass(frozen=True, slots=True)
class CastForms:
    """Who speaks in a file and how that is printed, as its survey shows."""

    names: frozenset[str]  # of those who speak more than once, anywhere in the file
    alone: frozenset[str]  # names that often stand on lines of their own
    forms: frozenset[Form]  # accepted with a known name
    main: frozenset[Form]  # accepted with any name at the start of a paragraph
    dense: bool  # names stand at the beginning of lines inside paragraphs, too
    lined: bool  # almost every line begins with a name and a colon
    spaced: bool  # lines begin with a name and nothing between it and the words
    lower: frozenset[str]  # words that the file also writes small
    width: int  # characters of a full line
    plain_directions: bool  # directions are not always in brackets
    kinds: tuple[tuple[bool, frozenset[CueKind]], ...]  # of cue to search for, with names in capitals and with others
    full_stops: bool  # between name and words
    colons: bool
    round_brackets: bool  # hold directions, not only asides of a sentence
    attached: bool  # names alone on their lines stand right above the words
    words_below: bool  # names in capitals stand alone, always or mostly right above the words
    italic: bool  # names are in italics
    prefaces: frozenset[str]  # headings of those that quote a play before it begins


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
    main |= {form for form in style if form[0] or totals[form] >= 0.05 * total} or style
    forms = {form for form, count in totals.items() if count >= max(3, 0.01 * total)} | main
    inside = [found.inside[form].items() for form in main if form in found.inside]
    lines = sum(count for counts in inside for name, count in counts if name in names)  # that begin with a cue
    dense = lines > 0.2 * sum(found.first[form].total() for form in main if form in found.first)
    names |= _recurring(found, main, forms)
    plain = _directions_are_plain(found, forms, names)
    return CastForms(
        names=names,
        alone=frozenset(
            name
            for name, count in found.first.get((True, CueKind.ALONE), Counter()).items()
            if count - found.places[name] >= _OFTEN
        ),
        forms=frozenset(forms),
        main=frozenset(main - {(True, CueKind.SPACE)}),
        dense=dense,
        lined=totals[True, CueKind.COLON] + totals[False, CueKind.COLON]
        > _MOSTLY * sum(map(bool, map(str.strip, sample))),
        spaced=dense and totals[True, CueKind.SPACE] > 0.5 * total,
        lower=frozenset(found.lower),
        width=found.width,
        plain_directions=plain,
        kinds=_searched_kinds(forms),
        full_stops=(True, CueKind.PERIOD) in main or (False, CueKind.PERIOD) in main,
        colons=(True, CueKind.COLON) in main or (False, CueKind.COLON) in main,
        round_brackets=found.square < 10 or found.round > 0.1 * found.square,
        attached=found.attached,
        words_below=(True, CueKind.ALONE) in main and (found.attached or not found.detached),
        italic=found.italic.total() > 0.5 * totals.total(),
        prefaces=_quoting(found, names),
    )


def _repeated(found: Survey, style: Style) -> frozenset[str]:
    """Names that begin two paragraphs, or several lines inside some: in capitals two, else five."""
    accepted = [form for form in {*found.first, *found.inside} if form in style or form[1] in STRONG]
    first: Counter[str] = Counter()
    inside: Counter[str] = Counter()
    capital: set[str] = set()
    for form in accepted:
        first.update(found.first.get(form, {}))
        inside.update(found.inside.get(form, {}))
        if form[0]:
            capital.update(found.first.get(form, {}), found.inside.get(form, {}))
    return frozenset(
        name
        for name in {*first, *inside}
        if first[name] >= times_required(name)
        or first[name] + inside[name] >= (2 if name in capital and not is_doubtful(name) else 5)
        or found.italic[name] >= times_required(name)
    )


def _recurring(found: Survey, main: Set[Form], forms: Set[Form]) -> frozenset[str]:
    """Names in capitals that begin a paragraph in a main form once, and recur in others that need a known name."""
    counts: Counter[str] = Counter()
    for form in forms:
        counts.update(found.first.get(form, {}))
        counts.update(found.inside.get(form, {}))
    begun = {name for form in main if form[0] for name in found.first.get(form, ())}
    return frozenset(name for name in begun if counts[name] >= _OFTEN and not is_doubtful(name))


def _searched_kinds(forms: Set[Form]) -> tuple[tuple[bool, frozenset[CueKind]], ...]:
    besides = STRONG | {CueKind.ALONE} | ({CueKind.SPACE} if (True, CueKind.COLUMN) in forms else set())
    return tuple(
        (caps, frozenset({kind for case, kind in forms if case is caps} | besides))
        for caps in sorted({caps for caps, _ in forms})
    )


def _quoting(found: Survey, names: Set[str]) -> frozenset[str]:
    """The headings of prefaces in which some paragraphs look like speeches, but not as many as in a play."""
    quoting = set()
    for preface in found.prefaces:
        said = sum(any(cue.name in names for cue in cues[:1]) for cues in found.cues[preface.begin : preface.end])
        if 0 < said <= min(_MOST_QUOTED, _QUOTED * (preface.end - preface.begin)):
            quoting.add(preface.heading)
    return frozenset(quoting)


def _directions_are_plain(found: Survey, forms: Set[Form], names: Set[str]) -> bool:
    """Return whether most paragraphs without cue and brackets between speeches read like directions."""
    begins = [
        next((cue for cue in cues[:1] if cue.start == 0 and (cue.caps, cue.kind) in forms and cue.name in names), None)
        for cues in found.cues
    ]
    narrated = spoken = 0
    alone = any(kind is CueKind.ALONE for _, kind in forms)
    below = alone and (found.attached or not found.detached)  # words stand right below the names
    for index in range(2, len(begins) - 2):
        before, after = begins[index - 2 : index], begins[index + 1 : index + 3]
        if begins[index] is not None or found.narrations[index] is None or not any(before) or not any(after):
            continue
        if before[1] is not None and before[1].kind is CueKind.ALONE and not below:
            continue  # the words of the name before it
        narrated += bool(found.narrations[index])
        spoken += not found.narrations[index]
    return narrated > (2 if below else 1) * spoken  # there a paragraph without a name may be more words
