"""Who speaks in a paragraph: cues that are accepted because of the cast. What is asked changes no answer."""

import functools
import itertools
import operator
import re
from bisect import bisect_left
from collections.abc import Iterator

from scriptmodel_trainer.corpus.layouts.cast import GROUP_WORDS, STRONG, CastForms
from scriptmodel_trainer.corpus.layouts.cues import (
    SCENE,
    Cue,
    CueKind,
    candidates,
    is_scene,
    lost_cues,
    phrased_cue_above,
    phrased_cues,
)
from scriptmodel_trainer.corpus.layouts.directions import is_quoted, reads_like_direction
from scriptmodel_trainer.corpus.layouts.evidence import Evidence
from scriptmodel_trainer.corpus.layouts.marks import has_columns
from scriptmodel_trainer.corpus.layouts.names import is_doubtful

_ENDS_SENTENCE = re.compile(r"[.?!:;)\]\"”’'_*…|-]\s*\Z")
_SMALL_WORDS = frozenset(("of", "the", "and"))
_JOINED = re.compile(r",? (?:and|AND|&|with) (?:the )?|, ")
_SEVERAL_JOINED = re.compile(r", .*\b(?:and|AND|&|with) ")  # `Anna, Ben and Cora`
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
        found: list[Cue] = []
        last, speaker = -1, ""
        for cue in self._candidates(paragraph):
            if cue.start < last or not self._accepted(cue, text):
                continue
            again = cue.name == speaker and not (self.cast.dense and cue.kind is CueKind.COLON)
            if again and "[" not in text[last : cue.start]:
                continue  # names oneself, unless a direction is between
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

    def scene_inside(self, paragraph: Evidence) -> int:
        """Return the start of the first cue of a known speaker in a scene that begins with other text, or -1."""
        text = paragraph.text
        if text.count("\n") < SCENE or self.begins_with_cue(paragraph):
            return -1
        found = [
            cue
            for cue in self._candidates(paragraph)
            if cue.kind is not CueKind.LOST and cue.name in self.speakers and self._accepted(cue, text)
        ]
        return found[0].start if is_scene(text, found) else -1

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
        phrased = self._phrased(text)
        return next((cue for cue in phrased if cue.start == 0 and cue.name in self.speakers), None)

    def _candidates(self, paragraph: Evidence) -> list[Cue]:
        text = paragraph.text
        found = [cue for caps, kinds in self.cast.kinds for cue in candidates(text, caps, kinds)]
        if marks := "." * self.cast.full_stops + ":" * self.cast.colons:
            found += lost_cues(text, marks)
        found += self._phrased(text)
        return found if len(found) < 2 else sorted(found, key=_start)

    def _phrased(self, text: str) -> Iterator[Cue]:
        """Yield the cues that have a direction without brackets beside the name."""
        if self.cast.colons:
            yield from phrased_cues(text)
        if self.cast.words_below and (cue := phrased_cue_above(text)) is not None:
            yield cue

    def _accepted(self, cue: Cue, text: str) -> bool:
        if cue.start == 0:
            return self._opens_paragraph(cue, text)
        known = cue.name in self.speakers or (self.cast.italic and cue.italic)
        known = known or (self.cast.lined and cue.kind is CueKind.COLON and self._opens_paragraph(cue, text))
        return known and self._opens_line(cue, text)

    def _opens_paragraph(self, cue: Cue, text: str) -> bool:
        form = (cue.caps, cue.kind)
        words = text[cue.end :].strip()
        ends = (".", ":") if cue.caps else (":",)
        stopped = (
            cue.caps and cue.kind is CueKind.ALONE and self.cast.full_stops and text[: cue.end].rstrip().endswith(".")
        )
        ended = not words and text.endswith(ends)
        if (stopped and cue.name in self.speakers) or (
            ended and (cue.name in self.speakers or cue.name in self.cast.alone)
        ):
            return True
        title = self.cast.attached and cue.kind is CueKind.ALONE and not words and cue.name not in self.speakers
        if title or self._heads(cue, words):
            return False
        if cue.name in self.speakers:
            columns = cue.kind is CueKind.SPACE and (True, CueKind.COLUMN) in self.cast.forms
            # `Anna--a small woman--enters.`
            described = cue.kind is CueKind.DASH and not cue.caps and not text[: cue.end].rstrip(" -—–").endswith(".")
            alone = (True, CueKind.ALONE) in self.cast.main
            return (form in self.cast.forms or cue.kind in STRONG or columns) and not (
                described and (alone or form not in self.cast.forms)
            )
        both = words and " AND " in cue.name
        seen = "," in cue.name and (cue.kind is CueKind.ALONE or not words) and not both  # who is on the stage
        if cue.kind is CueKind.COLUMN or seen:
            return form in self.cast.forms and not seen
        joined = set(_JOINED.split(cue.name))
        several = not (cue.caps or cue.italic) and _SEVERAL_JOINED.search(cue.name)
        strangers = several and not self.speakers.issuperset(joined)
        named = not strangers and (
            cue.caps
            or (self.cast.lined and cue.kind is CueKind.COLON)
            or self._new_name(cue)
            or not self.speakers.isdisjoint(joined)
            or (self.cast.italic and cue.italic and bool(words) and not reads_like_direction(words))
        )
        return form in self.cast.main and not is_doubtful(cue.name) and named

    def _heads(self, cue: Cue, words: str) -> bool:
        """Return True for a heading that looks like a speech: MOSCOW. THE HOUSE OF A MERCHANT."""
        if cue.kind is not CueKind.PERIOD or len(words) <= _SHOUT or not words.isupper():
            return False
        if "!" in words or "?" in words or is_quoted(words):
            return False
        return cue.name not in self.speakers or "\n" not in words

    def _opens_line(self, cue: Cue, text: str) -> bool:
        """Return whether a known name inside a paragraph is a cue: after a sentence, not within a direction."""
        form = (cue.caps, cue.kind)
        if cue.kind is not CueKind.LOST:
            if cue.kind is CueKind.SPACE and self.cast.spaced:
                return _ENDS_SENTENCE.search(text[: cue.start]) is not None
            if form not in (self.cast.main if cue.kind in (CueKind.SPACE, CueKind.ALONE) else self.cast.forms):
                return False
            if not self.cast.dense and not (cue.caps and _ENDS_SENTENCE.search(text[: cue.start])):
                return False
        return not any(_is_within(cue, text, opens, closes) for opens, closes in ("[]", "()"))

    def _new_name(self, cue: Cue) -> bool:
        """Return False for a word that the file also writes small: `Sixpence.`, but not `Porter (in the doorway).`."""
        if cue.direction or (cue.name.partition(" ")[0] in GROUP_WORDS and cue.name.istitle() and " " in cue.name):
            return True  # prose would continue in small letters: `The boys.`
        return not any(
            word.lower().strip(".") in self.cast.lower for word in cue.name.split() if word not in _SMALL_WORDS
        )


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
