"""Who speaks in a paragraph: cues that are accepted because of the cast. What is asked changes no answer."""

import functools
import itertools
import operator
import re
from bisect import bisect_left

from scriptmodel_trainer.corpus.layouts.cues import Cue, CueKind, candidates, lost_cues
from scriptmodel_trainer.corpus.layouts.evidence import Evidence
from scriptmodel_trainer.corpus.layouts.marks import has_columns
from scriptmodel_trainer.corpus.layouts.names import is_doubtful
from scriptmodel_trainer.corpus.layouts.survey import STRONG, CastForms

_ENDS_SENTENCE = re.compile(r"[.?!:;)\]\"”’'_*…|-]\s*\Z")
_SMALL_WORDS = frozenset(("of", "the", "and"))
_GROUP_WORDS = frozenset(("The", "All", "Both", "Several", "Some", "Another", "Other", "First", "Second", "Third"))
_JOINED = re.compile(r",? (?:and|AND|&|with) (?:the )?|, ")
_start = operator.attrgetter("start")
_SHOUT = 8  # characters; more words in capitals after a name are a heading
_MOST_KEPT = 200  # paragraphs whose first cue is kept, more than any test looks ahead


class Recognizer:
    """Finds the cues of paragraphs, given who speaks in the file and how that is printed."""

    def __init__(self, cast: CastForms) -> None:
        self.cast = cast
        self.speakers = cast.names
        self._firsts: dict[Evidence, Cue | None] = {}  # cached: each paragraph is ahead of many others

    def cues(self, paragraph: Evidence) -> list[Cue]:
        """Return the cues of a paragraph, in order."""
        text = paragraph.text
        possible = [cue for caps, kinds in self.cast.kinds for cue in candidates(text, caps, kinds)]
        if self.cast.full_stops:
            possible += lost_cues(text)
        found: list[Cue] = []
        last, speaker = -1, ""
        for cue in sorted(possible, key=_start):
            opens = self._opens_paragraph if cue.start == 0 else self._opens_line
            again = cue.name == speaker and not (self.cast.dense and cue.kind is CueKind.COLON)  # names oneself
            if cue.start < last or again or not opens(cue, text):
                continue
            speaker, last = cue.name, cue.end
            found.append(cue)
        return found

    def begins_with_cue(self, paragraph: Evidence, sure: bool = False) -> bool:
        """Return True if someone speaks at the beginning of the paragraph; if `sure`, in the file's main form."""
        first = self._first(paragraph)
        if first is None or not sure:
            return first is not None
        known = first.name in self.speakers
        if first.kind in (CueKind.ALONE, CueKind.ABOVE, CueKind.SPACE):
            return known
        return (first.kind in (CueKind.ASIDE, CueKind.COLUMN) and known) or (first.caps, first.kind) in self.cast.main

    def first_name(self, paragraph: Evidence) -> str:
        """Return the name of the cue at the start of the paragraph, "" without one."""
        first = self._first(paragraph)
        return first.name if first is not None else ""

    def knows(self, paragraph: Evidence) -> bool:
        """Return True if the paragraph begins with the cue of someone known."""
        return self.first_name(paragraph) in self.speakers

    def may_be_title(self, paragraph: Evidence) -> bool:
        """Return True if the paragraph is a name alone that is rarely set alone: it may be a title."""
        first = self._first(paragraph)
        alone = first is not None and first.kind is CueKind.ALONE and not paragraph.text[first.end :].strip()
        return alone and self.first_name(paragraph) not in self.cast.alone

    def _first(self, paragraph: Evidence) -> Cue | None:
        try:
            return self._firsts[paragraph]
        except KeyError:
            if len(self._firsts) >= _MOST_KEPT:
                self._firsts.clear()
            first = self._firsts[paragraph] = self._find_first(paragraph)
            return first

    def _find_first(self, paragraph: Evidence) -> Cue | None:
        text = paragraph.text
        for caps, _ in reversed(self.cast.kinds):
            cue = paragraph.caps_cue if caps else paragraph.title_cue
            if cue is not None and self._opens_paragraph(cue, text):
                columns = "  " in text and (True, CueKind.COLUMN) not in self.cast.forms and has_columns(text)
                return None if columns else cue
        return None

    def _opens_paragraph(self, cue: Cue, text: str) -> bool:
        """Return whether a name at the start of a paragraph is a cue: in a form of the file, and who that is."""
        form, known, words = (cue.caps, cue.kind), cue.name in self.speakers, text[cue.end :].strip()
        if known and cue.caps and (cue.kind is CueKind.ALONE or not words) and text[: cue.end].rstrip()[-1:] in ".:":
            return True
        if self._heads(cue, words):
            return False
        if known:
            return form in self.cast.forms or (cue.kind in STRONG and (cue.caps or cue.kind is not CueKind.DASH))
        stage = "," in cue.name and not (words and cue.kind is not CueKind.ALONE)  # who is on it
        if cue.kind is CueKind.COLUMN or stage or is_doubtful(cue.name):
            return form in self.cast.forms and not stage
        joined = set(_JOINED.split(cue.name))
        named = cue.caps or self._lists(cue) or self._new_name(cue) or not self.speakers.isdisjoint(joined)
        return form in self.cast.main and (named or (self.cast.italic and cue.italic and bool(words)))

    def _heads(self, cue: Cue, words: str) -> bool:
        """Return True for a heading that looks like a speech: MOSCOW. THE HOUSE OF A MERCHANT."""
        shouted = cue.kind is CueKind.PERIOD and len(words) > _SHOUT and words.isupper()
        return shouted and not {"!", "?"}.intersection(words) and (cue.name not in self.speakers or "\n" not in words)

    def _lists(self, cue: Cue) -> bool:
        """Return whether almost every line is `Name: words`, as this one: any name may speak, and again."""
        return self.cast.lined and cue.kind is CueKind.COLON

    def _opens_line(self, cue: Cue, text: str) -> bool:
        """Return whether a known name inside a paragraph is a cue: after a sentence, not within a direction."""
        if cue.name not in self.speakers and not self._lists(cue) and not (self.cast.italic and cue.italic):
            return False
        if cue.kind is CueKind.SPACE and self.cast.spaced:
            return _ENDS_SENTENCE.search(text[: cue.start]) is not None
        if cue.kind is not CueKind.LOST:
            weak = cue.kind in (CueKind.SPACE, CueKind.ALONE)
            if (cue.caps, cue.kind) not in (self.cast.main if weak else self.cast.forms):
                return False
            if not self.cast.dense and not (cue.caps and _ENDS_SENTENCE.search(text[: cue.start])):
                return False
        return not any(_is_within(cue, text, opens, closes) for opens, closes in ("[]", "()"))

    def _new_name(self, cue: Cue) -> bool:
        """Return False for a word that the file also writes small: `Sixpence.`, but not `Porter (in the doorway).`."""
        words = cue.name.split()
        if cue.direction or (words[0] in _GROUP_WORDS and cue.name.istitle() and len(words) > 1):
            return True  # prose would continue in small letters: `The boys.`
        return not any(word.lower().strip(".") in self.cast.lower for word in words if word not in _SMALL_WORDS)


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
