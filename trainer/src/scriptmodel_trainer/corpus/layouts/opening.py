"""Where a play begins, and what of the lines before its first speech belongs to it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from scriptmodel_trainer.corpus.layouts.closing import AHEAD, is_played
from scriptmodel_trainer.corpus.layouts.cues import SCENE, is_scene
from scriptmodel_trainer.corpus.layouts.directions import is_bracketed
from scriptmodel_trainer.corpus.layouts.evidence import Evidence
from scriptmodel_trainer.corpus.layouts.marks import (
    has_leaders,
    is_credit,
    tells_of_print,
)
from scriptmodel_trainer.corpus.layouts.paragraphs import plain
from scriptmodel_trainer.corpus.layouts.recognizer import Recognizer
from scriptmodel_trainer.corpus.layouts.rules import Test, first_verdict

_NEAR = 12  # paragraphs looked at to see whether a play has begun
_ENOUGH = 4  # cues among them
_RANKS = {"PROLOGUE": 0, "INDUCTION": 0, "PART": 1, "ACT": 2, "EPISODE": 2, "SCENE": 3, "PLACE": 4}
_LISTED = re.compile(r"\s*(?:(?:M|D)(?:RS?|rs?)\. )?[A-Z][^.?!\n]{1,40}[.,]?")
_DESCRIBED = re.compile(r"\s*[A-Z]{2}[A-Z .'’-]*,.*")
_ENTRANCE = re.compile(r"\s*_?[\[(]?_?Enter(?![a-z])")
_WORD = re.compile(r"\w+")
_PAGED = re.compile(r"(?<! ) {4,}\d{1,3}$", re.MULTILINE)
_LISTS_ON = re.compile(r"\s*_?[A-Z]{2}[A-Z .'’-]*(?:,.*|[_:]*\s*)", re.DOTALL)
_RISES = re.compile(r"\W*(?:As the |The )?curtain (?:ris|goes up|is raised|discloses)", re.IGNORECASE)
_FEW = 5  # words of a name in a list
_TITLE = 100  # characters
_GAP = 3  # lines
_FIRST = frozenset(("I", "1", "ONE", "FIRST"))
_SPEAKING = 10  # of so many speeches at least one is spoken to someone
_LIST = 8  # paragraphs of a cast list, at most, that look like speeches


@dataclass(frozen=True)
class Start:
    """A paragraph that may begin a play: those before it that belong to no play, and those that follow."""

    paragraph: Evidence
    front: Sequence[Evidence]
    ahead: Sequence[Evidence]
    recognizer: Recognizer

    @cached_property
    def known(self) -> bool:
        """Return whether someone known speaks, and the name is no title."""
        known = self.recognizer.knows(self.paragraph) and not self.recognizer.may_be_title(self.paragraph)
        return known and not _stands_in(self.front, self.paragraph)


def begins(paragraph: Evidence, front: Sequence[Evidence], ahead: Sequence[Evidence], recognizer: Recognizer) -> bool:
    """Return True where someone speaks and others soon do, too.

    `front` are the paragraphs before, `ahead` those that follow.
    """
    return first_verdict(BEGINNINGS, Start(paragraph, front, ahead, recognizer)) != ""


def _is_scene(paragraph: Evidence, recognizer: Recognizer) -> bool:
    """Return whether the paragraph is a whole scene that begins with a cue."""
    if paragraph.text.count("\n") < SCENE or not recognizer.begins_with_cue(paragraph):
        return False
    return is_scene(paragraph.text, recognizer.meet(paragraph))


def begins_without_names(paragraph: Evidence, ahead: Sequence[Evidence], recognizer: Recognizer) -> bool:
    """Return True for the heading of prologue or act above a direction, where nobody with a name speaks for long."""
    return (
        paragraph.is_heading
        and paragraph.heading_kind in ("PROLOGUE", "ACT")
        and len(ahead) >= AHEAD - 1
        and ahead[0].text.lstrip()[0] in "[("
        and is_played(ahead)
        and not any(recognizer.knows(other) or other.is_front_heading for other in ahead)
    )


def _lists(paragraph: Evidence, front: Sequence[Evidence], ahead: Sequence[Evidence], recognizer: Recognizer) -> bool:
    """Return whether this only looks like a speech: in a programme, a cast list, a list of works."""
    if not any(other.is_front_heading for other in front) and any(map(_is_cast_heading, ahead)):
        return True
    if not any(other.is_heading for other in front) and _each_once([paragraph, *ahead], recognizer, headed=False):
        return True
    return _in_cast_list(front) and (
        (_lists_names(paragraph) and paragraph.tells)
        or has_leaders(paragraph.text)
        or _PAGED.search(paragraph.text) is not None
        or (recognizer.may_be_title(paragraph) and any(map(_goes_on_listing, itertools.islice(ahead, 1))))
        or _first_scene_follows(ahead)
        or _each_once([paragraph, *ahead], recognizer)
    )


def only_lists(paragraph: Evidence, front: Sequence[Evidence], ahead: Sequence[Evidence], played: bool = False) -> bool:
    """Return whether these are a list, no speeches: properties by act, scenes by actor, a catalogue without prices.

    Up to the next heading nobody asks, exclaims or speaks to anyone. Such lists follow a heading of their own, or a
    play (`played`) that is over.
    """
    following = [paragraph, *itertools.takewhile(lambda other: not other.is_heading, ahead)]
    said = sum(not other.tells for other in following)
    if played or any(other.is_back_matter for other in front):
        return said <= len(following) // _SPEAKING
    headed = any(other.is_front_heading for other in front) and not _prologue(front)
    return headed and not said and len(following) <= len(ahead)


def untitled(front: Sequence[Evidence], listed: bool) -> bool:
    """Return True if nothing among these could be the heading of a play; in a catalogue (`listed`) titles are none."""
    return not any(
        paragraph.is_front_heading
        or _heads_scene(paragraph)
        or (not listed and len(paragraph.text) < _TITLE and paragraph.text.isupper() and not paragraph.is_closing)
        for paragraph in front
        if not paragraph.is_back_matter
    )


def first_of_play(held: Sequence[Evidence]) -> int:
    """Where the play begins among the paragraphs before its first speech.

    That is the last heading of a scene, with the headings of its act and of a prologue before it, and the scene before
    if only a direction makes it up. Where there is no heading, or a cast list follows it, that is a direction right
    before the first speech. What stands before is cut.
    """
    after = _after_lists(held, 0)
    headings = [index for index, paragraph in enumerate(held) if _heads_scene(paragraph)]
    if headings and headings[-1] < after and held[after - 1].is_front_heading:
        headings = []  # above a cast list
    entrance = next((index for index in range(after, len(held)) if _opens(held[index])), -1)
    if not headings and entrance >= 0:
        return entrance
    if not headings:
        if not after:
            return min(_bracketed_before(held), _told_from(held))
        described = _described_from(held, max(_bracketed_before(held), _lists_end(held)), after)
        return _set_apart_from(held, described, after)
    start = headings.pop()
    used = {held[start].heading_kind}
    while headings:
        earlier = headings.pop()
        kind = held[earlier].heading_kind
        adjacent = all(paragraph.is_furniture for paragraph in held[earlier + 1 : start])
        higher = _RANKS.get(kind, 9) < min(_RANKS.get(name, -1) for name in used)
        adjacent = adjacent and (higher or kind in ("PLACE", ""))
        if any(map(_ends_scene, held[earlier:start])):
            used.clear()  # nobody speaks in the scene before
        elif kind in used or not (adjacent or (higher and _after_lists(held[:start], earlier) == earlier)):
            break  # a table of contents
        used.add(kind)
        start = earlier
    start = _after_lists(held, start)
    while start < len(held) and held[start].is_furniture:
        start += 1
    return start


def _heads_scene(paragraph: Evidence) -> bool:
    return paragraph.is_heading and paragraph.heading_kind != "END"


def _ends_scene(paragraph: Evidence) -> bool:
    return paragraph.is_heading and paragraph.heading_kind == "END"


def _opens(paragraph: Evidence) -> bool:
    """Return whether this is a direction with which plays open: who enters, or that the curtain rises."""
    return _ENTRANCE.match(paragraph.text) is not None or (
        _RISES.match(paragraph.text) is not None and paragraph.is_bracketed
    )


def _lists_names(paragraph: Evidence) -> bool:
    lines = paragraph.text.split("\n")
    listed = sum(
        (_LISTED.fullmatch(line) is not None and len(line.split()) <= _FEW) or _DESCRIBED.fullmatch(line) is not None
        for line in lines
    )
    return len(lines) > 2 and listed > len(lines) // 2


def _goes_on_listing(paragraph: Evidence) -> bool:
    """Return whether the paragraph after a name describes a person, or names another one, or tells of the scene."""
    return _LISTS_ON.fullmatch(paragraph.text) is not None or paragraph.is_bracketed


def _is_cast_heading(paragraph: Evidence) -> bool:
    text = paragraph.text
    return text.strip("_= \n").isupper() and paragraph.is_front_heading and not paragraph.is_back_matter


def _first_scene_follows(ahead: Sequence[Evidence]) -> bool:
    """Return whether the first act or scene is announced a few paragraphs on."""
    for paragraph in itertools.islice(ahead, _LIST):
        if paragraph.is_heading:
            kind = paragraph.heading_kind
            words = _WORD.findall(paragraph.text.upper())[:3]
            return kind in ("PLACE", "PROLOGUE", "INDUCTION") or not _FIRST.isdisjoint(words)
    return False


def _stands_in(front: Sequence[Evidence], paragraph: Evidence) -> bool:
    """Return whether the same words stood alone before: the title, on two pages."""
    words = plain(paragraph.text)
    return len(words) < _TITLE and any(plain(other.text) == words for other in front if len(other.text) < _TITLE)


def _each_once(listed: Sequence[Evidence], recognizer: Recognizer, headed: bool = True) -> bool:
    """Return whether each name stands once, up to a heading or the curtain (if `headed`), or through a long list."""
    names: set[str] = set()
    for paragraph in listed:
        if paragraph.is_heading:
            return headed
        if headed and _RISES.match(paragraph.text):
            return True
        name = recognizer.first_name(paragraph)
        if name in names:
            return False
        names.update([name] if name else [])
        if len(names) >= _LIST:
            return True
    return False


def _prologue(front: Sequence[Evidence]) -> bool:
    """Return whether the last heading before is that of a prologue."""
    headings = (paragraph.heading_kind for paragraph in reversed(front) if paragraph.is_heading)
    return next(headings, "") in ("PROLOGUE", "INDUCTION")


def _in_cast_list(front: Sequence[Evidence]) -> bool:
    """Return whether a cast list stands before, and no scene has begun since."""
    for paragraph in reversed(front):
        if paragraph.is_front_heading:
            return True
        if paragraph.is_heading:
            return False
    return False


def _after_lists(held: Sequence[Evidence], start: int) -> int:
    """The place after the last cast list, credits or table of contents that follow `start`, or `start` itself."""
    for index in range(len(held) - 1, start, -1):
        if held[index].is_front_heading or has_leaders(held[index].text) or is_credit(held[index].text):
            return index + 1
    return start


def _bracketed_before(held: Sequence[Evidence]) -> int:
    """Where no heading is: directions in brackets right before the first cue; one may span paragraphs."""
    if held and held[-1].text.rstrip("_. ").endswith(("]", ")")):
        for index in range(len(held) - 1, max(-1, len(held) - 12), -1):
            text = "\n".join(paragraph.text for paragraph in held[index:])
            if text.lstrip()[0] in "[(" and is_bracketed(text):
                return _bracketed_from(held, index)
    return _bracketed_from(held, len(held))


def _lists_end(held: Sequence[Evidence]) -> int:
    """The place after the last paragraph of a cast list, where one stands before the first cue; else 0."""
    start = _after_lists(held, 0)
    if not start:
        return 0
    listed = (
        index + 1
        for index in range(len(held) - 1, start - 1, -1)
        if _lists_names(held[index]) or _LISTS_ON.fullmatch(held[index].text)
    )
    return next(listed, start)


def _told_from(held: Sequence[Evidence]) -> int:
    """Where the paragraphs begin that tell of the scene between the title and the first speech, if there are some."""
    start = len(held)
    while start and any((held[start - 1].narrates, held[start - 1].is_bracketed, held[start - 1].is_furniture)):
        start -= 1
    titled = start and held[start - 1].text.strip().isupper() and len(held[start - 1].text) < _TITLE
    return start if titled or (start and held[start - 1].text.strip().isdigit()) else len(held)


def _described_from(held: Sequence[Evidence], start: int, first: int) -> int:
    """After a cast list, the paragraphs that tell of the room before anyone speaks belong to the play."""
    while start > first > 0 and (held[start - 1].is_bracketed or _describes(held[start - 1])):
        start -= 1
    return start


def _set_apart_from(held: Sequence[Evidence], start: int, first: int) -> int:
    """After a cast list, the few short paragraphs below a wide gap: the place, the time, who is there."""
    for index in range(len(held) - 1, max(first, len(held) - _FEW), -1):
        paragraph, above = held[index], held[index - 1]
        if len(paragraph.text) > _TITLE or tells_of_print(paragraph.text) or _stands_in(held[:index], paragraph):
            break
        if paragraph.line - above.line - above.text.count("\n") > _GAP:
            return min(start, index)
    return start


def _describes(paragraph: Evidence) -> bool:
    text = paragraph.text
    return "\n" in text and paragraph.narrates and not tells_of_print(text) and not _lists_names(paragraph)


def _bracketed_from(held: Sequence[Evidence], start: int) -> int:
    while start and held[start - 1].is_bracketed:
        start -= 1
    return start


def _others_speak(start: Start) -> bool:
    near = len(start.recognizer.meet(start.paragraph)) - 1
    for other in start.ahead if start.known else itertools.islice(start.ahead, _NEAR):
        if other.is_front_heading:
            return False
        near += start.recognizer.begins_with_cue(other, sure=True)
        if near >= _ENOUGH:
            return True
    few = min(_ENOUGH, max(0, len(start.ahead) - 1) // 2)
    return near >= few or (start.known and _prologue(start.front))


def _no(refused: bool) -> bool | None:
    return False if refused else None


BEGINNINGS: tuple[Test[Start], ...] = (
    Test("scene-in-a-paragraph", lambda start: _is_scene(start.paragraph, start.recognizer) or None),
    Test("no-name", lambda start: _no(not start.recognizer.begins_with_cue(start.paragraph, sure=True))),
    Test("list", lambda start: _no(_lists(start.paragraph, start.front, start.ahead, start.recognizer))),
    Test("others-speak", _others_speak),
)
"""Return whether a play begins: the first test that says yes or no decides."""
