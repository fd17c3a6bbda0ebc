"""Who speaks in a paragraph: cues that are accepted because of what a sample of the file shows."""

import functools
import itertools
import operator
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence, Set

from scriptmodel_trainer.corpus.layouts.cues import Cue, CueKind, candidates, first_candidate, lost_cues
from scriptmodel_trainer.corpus.layouts.marks import has_columns
from scriptmodel_trainer.corpus.layouts.names import is_doubtful, times_required
from scriptmodel_trainer.corpus.layouts.survey import STRONG, Form, Style, Survey, survey

_OFTEN = 4
_MOSTLY = 0.8
_ENDS_SENTENCE = re.compile(r"[.?!:;)\]\"”’'_*…|-]\s*\Z")
_SMALL_WORDS = frozenset(("of", "the", "and"))
_GROUP_WORDS = frozenset(("The", "All", "Both", "Several", "Some", "Another", "Other", "First", "Second", "Third"))
_JOINED = re.compile(r",? (?:and|AND|&|with) (?:the )?|, ")
_start = operator.attrgetter("start")
_MOST_KEPT = 200  # paragraphs whose first cue is kept, more than any test looks ahead


class Recognizer:
    """Knows who speaks in a file and how that is printed, and finds the cues of paragraphs by it.

    `style` is that of the file's layout. What is asked changes no answer.
    """

    def __init__(self, sample: Sequence[str], style: Style) -> None:
        found = survey(tuple(sample))
        names = _repeated(found, style)
        totals: Counter[Form] = Counter()  # names that are known
        for counted in (found.first, found.inside):
            for form, counts in counted.items():
                totals[form] += sum(count for name, count in counts.items() if name in names)
        total = max(1, totals.total())
        main = {form for form, count in totals.items() if count >= 0.05 * total and form[1] in STRONG}
        main |= {form for form in style if form[0] or totals[form] >= 0.05 * total}
        self.forms = {form for form, count in totals.items() if count >= max(3, 0.01 * total)} | main
        inside = [found.inside[form].items() for form in main if form in found.inside]
        lines = sum(count for counts in inside for name, count in counts if name in names)  # that begin with a cue
        self.main = main - {(True, CueKind.SPACE)}  # forms accepted with any name at the start of a paragraph
        self.speakers = names | _recurring(found, main, self.forms)  # who speaks more than once, anywhere in the file
        # Names begin lines inside paragraphs, too.
        self.dense = lines > 0.2 * sum(found.first[form].total() for form in main if form in found.first)
        self.spaced = self.dense and totals[True, CueKind.SPACE] > 0.5 * total  # nothing between name and words
        colons = totals[True, CueKind.COLON] + totals[False, CueKind.COLON]
        self.lined = colons > _MOSTLY * sum(map(bool, map(str.strip, sample)))  # almost every line has a name
        self.lower = frozenset(found.lower)  # words that the file also writes small
        self.width = found.width  # characters of a full line
        self.plain_directions = _directions_are_plain(found, self.forms, names)  # not always in brackets
        self.full_stops = not main.isdisjoint(((True, CueKind.PERIOD), (False, CueKind.PERIOD)))
        # Parentheses hold directions, not only asides of a sentence.
        self.round_brackets = found.square < 10 or found.round > 0.1 * found.square
        self.italic = found.italic.total() > 0.5 * totals.total()  # names are in italics
        self._cases = sorted({caps for caps, _ in self.forms})
        self._first = functools.lru_cache(_MOST_KEPT)(self._find_first)  # each paragraph is ahead of many others

    def cues(self, text: str) -> list[Cue]:
        """Return the cues of a paragraph, in order."""
        possible = [cue for caps in self._cases for cue in candidates(text, caps)]
        if self.full_stops:
            possible += lost_cues(text)
        found: list[Cue] = []
        last, speaker = -1, ""
        for cue in sorted(possible, key=_start):
            opens = self._opens_paragraph if cue.start == 0 else self._opens_line
            again = cue.name == speaker and not (self.dense and cue.kind is CueKind.COLON)  # names oneself
            if cue.start < last or again or not opens(cue, text):
                continue
            speaker, last = cue.name, cue.end
            found.append(cue)
        return found

    def begins_with_cue(self, text: str, sure: bool = False) -> bool:
        """Return True if someone speaks at the beginning of the paragraph; if `sure`, in the file's main form."""
        first = self._first(text)
        if first is None or not sure:
            return first is not None
        known = first.name in self.speakers
        if first.kind in (CueKind.ALONE, CueKind.ABOVE, CueKind.SPACE):
            return known
        return (first.kind in (CueKind.ASIDE, CueKind.COLUMN) and known) or (first.caps, first.kind) in self.main

    def knows(self, text: str) -> bool:
        """Return True if the paragraph begins with the cue of someone known."""
        return self.first_name(text) in self.speakers

    def first_name(self, text: str) -> str:
        """Return the name of the cue at the start of the paragraph, "" without one."""
        first = self._first(text)
        return first.name if first is not None else ""

    def _find_first(self, text: str) -> Cue | None:
        for caps in reversed(self._cases):
            cue = first_candidate(text, caps)
            if cue is not None and self._opens_paragraph(cue, text):
                columns = "  " in text and (True, CueKind.COLUMN) not in self.forms and has_columns(text)
                return None if columns else cue
        return None

    def _opens_paragraph(self, cue: Cue, text: str) -> bool:
        """Return whether a name at the start of a paragraph is a cue: in a form of the file, and who that is."""
        form, known, words = (cue.caps, cue.kind), cue.name in self.speakers, text[cue.end :].strip()
        if known and cue.caps and (cue.kind is CueKind.ALONE or not words) and text[: cue.end].rstrip()[-1:] in ".:":
            return True
        if known:
            return form in self.forms or (cue.kind in STRONG and (cue.caps or cue.kind is not CueKind.DASH))
        stage = "," in cue.name and not (words and cue.kind is not CueKind.ALONE)  # who is on it
        if cue.kind is CueKind.COLUMN or stage or is_doubtful(cue.name):
            return form in self.forms and not stage
        joined = set(_JOINED.split(cue.name))
        named = cue.caps or self._lists(cue) or self._new_name(cue) or not self.speakers.isdisjoint(joined)
        return form in self.main and (named or (self.italic and cue.italic and bool(words)))

    def _lists(self, cue: Cue) -> bool:
        """Return whether almost every line is `Name: words`, as this one: any name may speak, and again."""
        return self.lined and cue.kind is CueKind.COLON

    def _opens_line(self, cue: Cue, text: str) -> bool:
        """Return whether a known name inside a paragraph is a cue: after a sentence, not within a direction."""
        if cue.name not in self.speakers and not self._lists(cue) and not (self.italic and cue.italic):
            return False
        if cue.kind is CueKind.SPACE and self.spaced:
            return _ENDS_SENTENCE.search(text[: cue.start]) is not None
        if cue.kind is not CueKind.LOST:
            weak = cue.kind in (CueKind.SPACE, CueKind.ALONE)
            if (cue.caps, cue.kind) not in (self.main if weak else self.forms):
                return False
            if not self.dense and not (cue.caps and _ENDS_SENTENCE.search(text[: cue.start])):
                return False
        return not any(_is_within(cue, text, opens, closes) for opens, closes in ("[]", "()"))

    def _new_name(self, cue: Cue) -> bool:
        """Return False for a word that the file also writes small: `Sixpence.`, but not `Porter (in the doorway).`."""
        words = cue.name.split()
        if cue.direction or (words[0] in _GROUP_WORDS and cue.name.istitle() and len(words) > 1):
            return True  # prose would continue in small letters: `The boys.`
        return not any(word.lower().strip(".") in self.lower for word in words if word not in _SMALL_WORDS)


def _is_within(cue: Cue, text: str, opens: str, closes: str) -> bool:
    """Return True if a bracket is open before the cue, and nothing after it shows that it is never closed."""
    opened, closed = _positions(text, opens), _positions(text, closes)
    if bisect_left(opened, cue.start) <= bisect_left(closed, cue.start):
        return False
    opening, closing = bisect_left(opened, cue.end), bisect_left(closed, cue.end)
    return closing < len(closed) and (opening == len(opened) or closed[closing] < opened[opening])


@functools.lru_cache(maxsize=4)
def _positions(text: str, mark: str) -> list[int]:
    """Return the positions of a mark in a text. Cached, because a long paragraph may have thousands of cues."""
    ends = itertools.accumulate(len(part) + 1 for part in text.split(mark))
    return [end - 1 for end in ends][:-1]


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
