"""Who speaks in a file, and which of the things that look like cues are believed to be some."""

from __future__ import annotations

import itertools
import operator
import re
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace

from scriptmodel_trainer.corpus.layouts.cues import (
    Cue,
    Kind,
    candidate_at_start,
    candidates,
    hung_cue,
    lost_cues,
    member_cues,
    phrased_cues,
)
from scriptmodel_trainer.corpus.layouts.directions import is_quoted, reads_like_direction
from scriptmodel_trainer.corpus.layouts.marks import has_columns
from scriptmodel_trainer.corpus.layouts.names import is_doubtful, times_wanted
from scriptmodel_trainer.corpus.layouts.paragraphs import Paragraph
from scriptmodel_trainer.corpus.layouts.speakers import Speakers
from scriptmodel_trainer.corpus.layouts.survey import Form, Style, Survey, survey

_STRONG = frozenset((Kind.PERIOD, Kind.COLON, Kind.DASH, Kind.ASIDE, Kind.PHRASE))
_ENDS_SENTENCE = re.compile(r"[.?!:;)\]\"”’'_*…|-]\s*\Z")
_GROUP_WORDS = frozenset(("The", "All", "Both", "Several", "Some", "Another", "Other", "First", "Second", "Third"))
_CROWDS = frozenset(("CHORUS", "SEMICHORUS", "VOICE", "VOICES"))
_SMALL_WORDS = frozenset(("of", "the", "and"))
_JOINED = re.compile(r",? (?:and|AND|&|with) (?:the )?|, ")
_SEVERAL_JOINED = re.compile(r", .*\b(?:and|AND|&|with) ")  # `Anna, Ben and Cora`
_start = operator.attrgetter("start")
_OFTEN = 4
_MANY = 20  # paragraphs
_NEAR = 12  # paragraphs
_MOSTLY = 0.8
_MOST_QUOTED = 40  # speeches in a preface
_QUOTED = 0.25  # of its paragraphs
_SHOUT = 8  # characters; more words in capitals after a name are a heading
_MOST_SPEAKERS = 20_000  # names beyond are read, but not remembered


@dataclass(slots=True)
class Cast:
    """Who speaks in a file and how that is printed; `speakers` grows while the file is read."""

    speakers: Speakers
    alone: frozenset[str]  # names that often stand on lines of their own
    forms: frozenset[Form]  # believed with a known name
    main: frozenset[Form]  # believed with any name at the beginning of a paragraph
    dense: bool  # names stand at the beginning of lines inside paragraphs, too
    lined: bool  # almost every line begins with a name and a colon
    members: frozenset[str]  # those among the speakers who are one of a crowd: `Chorus, CARL`
    spaced: bool  # lines begin with a name and nothing between it and the words
    lower: Counter[str]
    width: int  # characters of a full line
    plain_directions: bool  # directions are not always in brackets
    kinds: tuple[tuple[bool, frozenset[Kind]], ...]  # worth looking at, for names in capitals and for others
    full_stops: bool  # between name and words
    colons: bool
    round_brackets: bool  # hold directions, not only asides of a sentence
    attached: bool  # names alone on their lines stand right above the words
    italic: bool  # names are in italics
    indented_directions: bool  # those without brackets are set in, speeches are not
    directions_below: bool  # such directions may stand right below the words, which are never set in
    prefaces: frozenset[str]  # headings of those that quote a play before it begins
    settings: frozenset[str]  # places in italics below the headings of scenes, that look like names
    rules: frozenset[str]  # characters of solid lines between scenes
    hung: bool  # names in small letters stand above words that are all set in
    set_in: int  # spaces before directions in brackets, where hardly anything else is set in so far; else 0

    def cues(self, paragraph: Paragraph) -> Iterator[Cue]:
        """The cues of a paragraph, in order."""
        text = paragraph.text
        last, speaker = -1, ""
        for cue in self._candidates(text):
            if cue.start < last or not self._believed(cue, text):
                continue
            again = cue.name == speaker and not (self.dense and cue.kind is Kind.COLON)
            if again and "[" not in text[last : cue.start]:
                continue  # said of oneself, unless a direction stands between
            speaker, last = cue.name, cue.end
            if len(self.speakers) < _MOST_SPEAKERS:
                self.speakers.add(cue.name)
            yield cue

    def begins_with_cue(self, paragraph: Paragraph, sure: bool = False) -> bool:
        """True if someone begins to speak at the beginning of the paragraph; if `sure`, in the file's main form."""
        first = self._first(paragraph.text)
        if first is None or not sure:
            return first is not None
        if first.kind in (Kind.ALONE, Kind.ABOVE, Kind.SPACE, Kind.ASIDE) and first.name in self.speakers:
            return True
        if first.kind in (Kind.ALONE, Kind.ABOVE, Kind.SPACE):
            return False
        return (first.caps, first.kind) in self.main

    def first_name(self, paragraph: Paragraph) -> str:
        """Who begins to speak at the beginning of the paragraph, "" if nobody does."""
        first = self._first(paragraph.text)
        return first.name if first is not None else ""

    def knows(self, paragraph: Paragraph) -> bool:
        """True if the paragraph begins with the cue of someone known."""
        first = self._first(paragraph.text)
        return first is not None and first.name in self.speakers

    def may_be_title(self, paragraph: Paragraph) -> bool:
        """True if the paragraph is a name alone that hardly ever stands so: the title of the play may look like it."""
        first = self._first(paragraph.text)
        return first is not None and _stands_alone(first, paragraph.text) and first.name not in self.alone

    def is_title(self, paragraph: Paragraph) -> bool:
        """True for a name alone in its paragraph where names stand right above the words."""
        first = self._first(paragraph.text)
        return self.attached and first is not None and _stands_alone(first, paragraph.text)

    def _first(self, text: str) -> Cue | None:
        for caps, _ in reversed(self.kinds):
            cue = candidate_at_start(text, caps)
            if cue is not None and self._opens_paragraph(cue, text):
                columns = "  " in text and (True, Kind.COLUMN) not in self.forms and has_columns(text)
                return None if columns else cue
        others = itertools.chain(
            phrased_cues(text) if self.colons else (), member_cues(text) if self.members and ", " in text else ()
        )
        found = next((cue for cue in others if cue.start == 0 and cue.name in self.speakers), None)
        return found or self._set_apart(text)

    def _candidates(self, text: str) -> list[Cue]:
        found = [cue for caps, kinds in self.kinds for cue in candidates(text, caps, kinds)]
        if marks := "." * self.full_stops + ":" * self.colons:
            found += lost_cues(text, marks)
        if self.colons:
            found += phrased_cues(text)
        if self.members and ", " in text:
            found += (cue for cue in member_cues(text) if cue.name in self.members)
        if cue := self._set_apart(text):
            found.append(cue)
        return found if len(found) < 2 else sorted(found, key=_start)

    def _set_apart(self, text: str) -> Cue | None:
        """What can be nothing but a name: above words set in, or `Anna: Words` where the others are as `ANNA:`."""
        if self.hung and (cue := hung_cue(text)) is not None:
            return cue
        if (True, Kind.COLON) not in self.main or (False, Kind.COLON) in self.forms:
            return None
        cue = candidate_at_start(text, caps=False)
        if cue is None or cue.kind is not Kind.COLON or cue.name.upper() not in self.speakers:
            return None
        return replace(cue, name=cue.name.upper(), caps=True)

    def _believed(self, cue: Cue, text: str) -> bool:
        if cue.start == 0:
            return self._opens_paragraph(cue, text)
        known = cue.name in self.speakers or (self.italic and cue.italic)
        known = known or (self.lined and cue.kind is Kind.COLON and self._opens_paragraph(cue, text))
        return known and self._opens_line(cue, text[: cue.start], text[cue.end :])

    def _opens_paragraph(self, cue: Cue, text: str) -> bool:
        if cue.kind is Kind.HUNG:
            return True
        form = (cue.caps, cue.kind)
        words = text[cue.end :].strip()
        ends = (".", ":") if cue.caps else (":",)
        stopped = cue.caps and cue.kind is Kind.ALONE and self.full_stops and text[: cue.end].rstrip().endswith(".")
        ended = not words and text.endswith(ends)
        if (stopped and cue.name in self.speakers) or (ended and (cue.name in self.speakers or cue.name in self.alone)):
            return True
        place = cue.italic and not words and cue.name in self.settings
        title = self.attached and cue.kind is Kind.ALONE and not words and cue.name not in self.speakers
        if place or title or self._heads(cue, words):
            return False
        if cue.name in self.speakers:
            columns = cue.kind is Kind.SPACE and (True, Kind.COLUMN) in self.forms
            # `Anna--a small woman--enters.`
            told = cue.kind is Kind.DASH and not cue.caps and not text[: cue.end].rstrip(" -—–").endswith(".")
            alone = (True, Kind.ALONE) in self.main
            return (form in self.forms or cue.kind in _STRONG or columns or cue.name in self.members) and not (
                told and (alone or form not in self.forms)
            )
        both = words and " AND " in cue.name
        seen = "," in cue.name and (cue.kind is Kind.ALONE or not words) and not both  # who is on the stage
        if cue.kind is Kind.COLUMN or seen:
            return form in self.forms and not seen
        joined = set(_JOINED.split(cue.name))
        several = not (cue.caps or cue.italic) and _SEVERAL_JOINED.search(cue.name)
        strangers = several and not self.speakers.issuperset(joined)
        named = not strangers and (
            cue.caps
            or (self.lined and cue.kind is Kind.COLON)
            or self._new_name(cue)
            or not self.speakers.isdisjoint(joined)
            or (self.italic and cue.italic and bool(words) and not reads_like_direction(words))
        )
        return form in self.main and not is_doubtful(cue.name) and named

    def _heads(self, cue: Cue, words: str) -> bool:
        """True for a heading that looks like a speech: MOSCOW. THE HOUSE OF A MERCHANT."""
        if cue.kind is not Kind.PERIOD or len(words) <= _SHOUT or not words.isupper():
            return False
        if "!" in words or "?" in words or is_quoted(words):
            return False
        return cue.name not in self.speakers or "\n" not in words

    def _opens_line(self, cue: Cue, before: str, after: str) -> bool:
        """A known name inside a paragraph: where sentences end, and not within a direction."""
        form = (cue.caps, cue.kind)
        if cue.kind is not Kind.LOST:
            if cue.kind is Kind.SPACE and self.spaced:
                return _ENDS_SENTENCE.search(before) is not None
            if form not in (self.main if cue.kind in (Kind.SPACE, Kind.ALONE) else self.forms):
                return False
            if not self.dense and not (cue.caps and _ENDS_SENTENCE.search(before)):
                return False
        goes_on = not after.strip() and before.rstrip(" _\n")[-1:].isalnum()  # `[_She turns to_ ANNA.`, never closed
        return not any(
            before.count(opens) > before.count(closes) and (goes_on or _next_of(after, opens, closes) == closes)
            for opens, closes in ("[]", "()")
        )

    def _new_name(self, cue: Cue) -> bool:
        """A word that the file also writes small is no name, as `Sixpence.`; `Porter (in the doorway).` is one."""
        if cue.direction or (cue.name.partition(" ")[0] in _GROUP_WORDS and cue.name.istitle() and " " in cue.name):
            return True  # prose would go on small: `The boys.`
        return not any(self.lower[word.lower().strip(".")] for word in cue.name.split() if word not in _SMALL_WORDS)


def _stands_alone(cue: Cue, text: str) -> bool:
    return cue.kind is Kind.ALONE and not text[cue.end :].strip()


def _next_of(text: str, opens: str, closes: str) -> str:
    """The one of the two brackets that comes first: one that opens shows that the bracket before is never closed."""
    first, last = text.find(opens), text.find(closes)
    if first < 0 or last < 0:
        return closes if last >= 0 else opens if first >= 0 else ""
    return opens if first < last else closes


def cast_of(sample: Sequence[str], style: Style) -> Cast:
    """Learn a file's conventions from a sample of its lines; `style` is the layout it was found or said to have."""
    found = survey(tuple(sample))
    names = _repeated(found, style)
    members = _of_crowds(found.members, names)
    totals: Counter[Form] = Counter()
    for counted in (found.first, found.inside):
        for form, counts in counted.items():
            totals[form] += sum(count for name, count in counts.items() if name in names)
    total = max(1, totals.total())
    main = {form for form, count in totals.items() if count >= 0.05 * total and form[1] in _STRONG}
    main |= {form for form in style.forms if form[0] or totals[form] >= 0.05 * total} or style.forms
    forms = {form for form, count in totals.items() if count >= max(3, 0.01 * total)} | main
    dense = _inside(found, main, names) > 0.2 * sum(found.first[form].total() for form in main if form in found.first)
    plain = _directions_are_plain(found, forms, names)
    indented = found.indented >= 5 and found.flush <= 0.05 * found.indented
    return Cast(
        speakers=Speakers([*names, *members]),
        members=members,
        alone=frozenset(
            name
            for name, count in found.first.get((True, Kind.ALONE), Counter()).items()
            if count - found.places[name] >= _OFTEN
        ),
        forms=frozenset(forms),
        main=frozenset(main - {(True, Kind.SPACE)}),
        dense=dense,
        lined=totals[True, Kind.COLON] + totals[False, Kind.COLON] > _MOSTLY * sum(map(bool, map(str.strip, sample))),
        spaced=dense and totals[True, Kind.SPACE] > 0.5 * total,
        lower=found.lower,
        width=found.width,
        plain_directions=plain,
        kinds=_worth_looking_at(forms),
        full_stops=(True, Kind.PERIOD) in main or (False, Kind.PERIOD) in main,
        colons=(True, Kind.COLON) in main or (False, Kind.COLON) in main,
        round_brackets=found.square < 10 or found.round > 0.1 * found.square,
        attached=found.attached,
        italic=found.italic.total() > 0.5 * totals.total(),
        indented_directions=indented,
        directions_below=indented and plain and found.straight > max(_MANY, 10 * found.hung),
        prefaces=_quoting(found, names),
        settings=frozenset(
            found.settings.difference(found.softly, *found.first.values(), *found.inside.values(), names)
        ),
        rules=_rules_between(found, names),
        hung=found.below > max(_MANY, _MOSTLY * found.begun),
        set_in=_set_in(found),
    )


def _repeated(found: Survey, style: Style) -> frozenset[str]:
    """Names that begin two paragraphs, or several lines inside some: in capitals two, else five."""
    believed = [form for form in {*found.first, *found.inside} if form in style.forms or form[1] in _STRONG]
    first: Counter[str] = Counter()
    inside: Counter[str] = Counter()
    capital: set[str] = set()
    for form in believed:
        first.update(found.first.get(form, {}))
        inside.update(found.inside.get(form, {}))
        if form[0]:
            capital.update(found.first.get(form, {}), found.inside.get(form, {}))
    return frozenset(
        name
        for name in {*first, *inside}
        if first[name] >= times_wanted(name)
        or first[name] + inside[name] >= (2 if name in capital and not is_doubtful(name) else 5)
        or found.italic[name] >= times_wanted(name)
    )


def _of_crowds(members: Set[str], names: Set[str]) -> frozenset[str]:
    """Those of a chorus, or of the counted: `First Voice, ANNA`, or `Guard, ANNA` where a second one speaks.

    `Anna, MISS GULL` is who played her.
    """
    counted = {name.split()[-1].upper() for name in names if name.split()[0].title() in _GROUP_WORDS}
    crowds = counted | _CROWDS
    return frozenset(
        member
        for member in members
        for crowd in (member.partition(",")[0].split(),)
        if crowd[-1].upper() in crowds or (len(crowd) > 1 and crowd[0] in _GROUP_WORDS)
    )


def _rules_between(found: Survey, names: Set[str]) -> frozenset[str]:
    """The characters of the solid lines that stand between speeches more than once."""
    between: Counter[str] = Counter()
    for drawn, place in ((drawn, place) for drawn, place in found.rules if drawn):
        near = found.cues[max(0, place - _NEAR) : place], found.cues[place : place + _NEAR]
        between[drawn] += all(any(cue.name in names for cues in side for cue in cues) for side in near)
    return frozenset(drawn for drawn, count in between.items() if count > 1)


def _worth_looking_at(forms: Set[Form]) -> tuple[tuple[bool, frozenset[Kind]], ...]:
    besides = _STRONG | {Kind.ALONE} | ({Kind.SPACE} if (True, Kind.COLUMN) in forms else set())
    return tuple(
        (caps, frozenset({kind for case, kind in forms if case is caps} | besides))
        for caps in sorted({caps for caps, _ in forms})
    )


def _inside(found: Survey, main: Set[Form], names: Set[str]) -> int:
    """How many cues begin lines inside paragraphs."""
    return sum(
        count for form in main for name, count in found.inside.get(form, Counter[str]()).items() if name in names
    )


def _quoting(found: Survey, names: Set[str]) -> frozenset[str]:
    """The headings of prefaces in which some paragraphs look like speeches, but not as many as in a play."""
    quoting = set()
    for preface in found.prefaces:
        said = sum(any(cue.name in names for cue in cues[:1]) for cues in found.cues[preface.begin : preface.end])
        if 0 < said <= min(_MOST_QUOTED, _QUOTED * (preface.end - preface.begin)):
            quoting.add(preface.heading)
    return frozenset(quoting)


def _set_in(found: Survey) -> int:
    """How far most directions in brackets are set in, if little else is; else 0."""
    boxed = Counter({indent: count for (indent, bracketed), count in found.indents.items() if bracketed})
    for indent, count in boxed.most_common(1):
        if count > max(_MANY, 0.8 * boxed.total(), found.indents[indent, False]):
            return indent
    return 0


def _directions_are_plain(found: Survey, forms: Set[Form], names: Set[str]) -> bool:
    """Whether most paragraphs between speeches that have neither cue nor brackets read like directions."""
    begins = [
        next((cue for cue in cues[:1] if cue.start == 0 and (cue.caps, cue.kind) in forms and cue.name in names), None)
        for cues in found.cues
    ]
    told = untold = 0
    alone = any(kind is Kind.ALONE for _, kind in forms)
    below = alone and (found.attached or not found.detached)  # words stand right below the names
    for index in range(2, len(begins) - 2):
        before, after = begins[index - 2 : index], begins[index + 1 : index + 3]
        if begins[index] is not None or found.tells[index] is None or not any(before) or not any(after):
            continue
        if before[1] is not None and before[1].kind is Kind.ALONE and not below:
            continue  # the words of the name before it
        told += bool(found.tells[index])
        untold += not found.tells[index]
    return told > (2 if below else 1) * untold  # there a paragraph without a name may be more words
