"""Finds where a play starts."""

import itertools
import re
from collections.abc import Sequence

from scriptmodel_trainer.corpus.layouts.closing import AHEAD, is_played
from scriptmodel_trainer.corpus.layouts.cues import SCENE, is_scene
from scriptmodel_trainer.corpus.layouts.evidence import Evidence
from scriptmodel_trainer.corpus.layouts.front import TITLE, heads_scene, is_repeated, lists_names
from scriptmodel_trainer.corpus.layouts.recognizer import Recognizer

_NEAR = 12  # paragraphs ahead in which others must speak
_ENOUGH = 4  # cues among them
_WORD = re.compile(r"\w+")
_FIRST = frozenset(("I", "1", "ONE", "FIRST"))
_SPEAKING = 10  # of so many speeches at least one is spoken to someone
_LIST = 8  # paragraphs of a cast list, at most, that look like speeches


def begins(paragraph: Evidence, front: Sequence[Evidence], ahead: Sequence[Evidence], recognizer: Recognizer) -> bool:
    """Return True where someone speaks and others soon do, too, or where the paragraph is a whole scene.

    `front` are the paragraphs before that belong to no play, `ahead` those that follow.
    """
    scene = paragraph.text.count("\n") >= SCENE and recognizer.begins_with_cue(paragraph)
    if scene and is_scene(paragraph.text, recognizer.cues(paragraph)):
        return True
    speaks = recognizer.begins_with_cue(paragraph, sure=True) and not _lists(paragraph, front, ahead, recognizer)
    return speaks and _others_speak(paragraph, front, ahead, recognizer)


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
        (lists_names(paragraph) and paragraph.addresses_nobody)
        or (recognizer.may_be_title(paragraph) and any(other.is_bracketed for other in itertools.islice(ahead, 1)))
        or _first_scene_follows(ahead)
        or _each_once([paragraph, *ahead], recognizer)
    )


def only_lists(paragraph: Evidence, front: Sequence[Evidence], ahead: Sequence[Evidence], played: bool = False) -> bool:
    """Return whether these are a list, no speeches: properties by act, scenes by actor, a catalogue without prices.

    Up to the next heading nobody asks, exclaims or speaks to anyone. Such lists follow a heading of their own, or a
    play (`played`) that is over.
    """
    following = [paragraph, *itertools.takewhile(lambda other: not other.is_heading, ahead)]
    said = sum(not other.addresses_nobody for other in following)
    if played or any(other.is_back_matter for other in front):
        return said <= len(following) // _SPEAKING
    headed = any(other.is_front_heading for other in front) and not _prologue(front)
    return headed and not said and len(following) <= len(ahead)


def untitled(front: Sequence[Evidence], listed: bool) -> bool:
    """Return True if nothing among these could be the heading of a play; in a catalogue (`listed`) no title does."""
    return not any(
        paragraph.is_front_heading
        or heads_scene(paragraph)
        or (not listed and len(paragraph.text) < TITLE and paragraph.text.isupper() and not paragraph.is_closing)
        for paragraph in front
        if not paragraph.is_back_matter
    )


def _is_cast_heading(paragraph: Evidence) -> bool:
    text = paragraph.text
    return text.strip("_= \n").isupper() and paragraph.is_front_heading and not paragraph.is_back_matter


def _first_scene_follows(ahead: Sequence[Evidence]) -> bool:
    """Return whether the first act or scene is announced a few paragraphs on."""
    heading = next((each for each in itertools.islice(ahead, _LIST) if each.is_heading), None)
    if heading is None:
        return False
    words = _WORD.findall(heading.text.upper())[:3]
    return heading.heading_kind in ("PLACE", "PROLOGUE", "INDUCTION") or not _FIRST.isdisjoint(words)


def _each_once(listed: Sequence[Evidence], recognizer: Recognizer, headed: bool = True) -> bool:
    """Return whether each name occurs once, up to a heading or the curtain (if `headed`), or through a long list."""
    names: set[str] = set()
    for paragraph in listed:
        if paragraph.is_heading:
            return headed
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
    """Return whether the last heading before is that of a cast list, not of a scene."""
    headings = (each.is_front_heading for each in reversed(front) if each.is_front_heading or each.is_heading)
    return next(headings, False)


def _others_speak(
    paragraph: Evidence, front: Sequence[Evidence], ahead: Sequence[Evidence], recognizer: Recognizer
) -> bool:
    # Someone known speaks, and the name is no title.
    known = recognizer.knows(paragraph) and not recognizer.may_be_title(paragraph) and not is_repeated(front, paragraph)
    near = len(recognizer.cues(paragraph)) - 1
    for other in ahead if known else itertools.islice(ahead, _NEAR):
        if other.is_front_heading:
            return False
        near += recognizer.begins_with_cue(other, sure=True)
        if near >= _ENOUGH:
            return True
    few = min(_ENOUGH, max(0, len(ahead) - 1) // 2)
    return near >= few or (known and _prologue(front))
