"""Finds where a play starts and where it ends: what is before, between and after plays is no part of a script."""

import itertools
from collections.abc import Iterable, Sequence

from scriptmodel_trainer.corpus.layouts.evidence import Evidence
from scriptmodel_trainer.corpus.layouts.marks import mentions_print
from scriptmodel_trainer.corpus.layouts.recognizer import Recognizer

AHEAD = 40  # paragraphs that decide whether a play has ended or starts
TITLE = 100  # characters
_NEAR = 12  # paragraphs ahead in which others must speak
_ENOUGH = 4  # cues among them
_LIST = 8  # paragraphs of a cast list, at most, that look like speeches
_LAST = 6  # paragraphs after the last cue that a final direction may follow
_RANKS = {"PROLOGUE": 0, "INDUCTION": 0, "PART": 1, "ACT": 2, "EPISODE": 2, "SCENE": 3, "PLACE": 4}


def begins(paragraph: Evidence, front: Sequence[Evidence], ahead: Sequence[Evidence], recognizer: Recognizer) -> bool:
    """Return True where someone speaks and others soon do, too.

    `front` are the paragraphs before that belong to no play, `ahead` those that follow.
    """
    if not recognizer.begins_with_cue(paragraph, sure=True) or _lists(paragraph, front, ahead, recognizer):
        return False
    known = recognizer.knows(paragraph) and not recognizer.may_be_title(paragraph)
    near = len(recognizer.cues(paragraph)) - 1
    for other in ahead if known else itertools.islice(ahead, _NEAR):
        if other.is_front_heading:
            return False
        near += recognizer.begins_with_cue(other, sure=True)
        if near >= _ENOUGH:
            return True
    return near >= min(_ENOUGH, max(0, len(ahead) - 1) // 2)


def _lists(paragraph: Evidence, front: Sequence[Evidence], ahead: Sequence[Evidence], recognizer: Recognizer) -> bool:
    """Return whether this only looks like a speech: in a programme, a cast list, a list of works."""
    headings = [each.is_front_heading for each in front if each.is_front_heading or each.is_heading]
    if not headings:
        return any(each.is_front_heading and each.text.isupper() for each in ahead)
    lists = paragraph.lists_names or _first_scene_follows(ahead) or _each_once([paragraph, *ahead], recognizer)
    return headings[-1] and lists


def _first_scene_follows(ahead: Sequence[Evidence]) -> bool:
    """Return whether the first act or scene is announced a few paragraphs on."""
    heading = next((each for each in itertools.islice(ahead, _LIST) if each.is_heading), None)
    return heading is not None and heading.heads_first


def _each_once(listed: Sequence[Evidence], recognizer: Recognizer) -> bool:
    """Return whether each name occurs once, up to a heading or through a long list."""
    names: set[str] = set()
    for paragraph in listed:
        name = recognizer.first_name(paragraph)
        if paragraph.is_heading or len(names) >= _LIST:
            return True
        if name in names:
            return False
        names.update([name] if name else [])
    return False


def first_of_play(held: Sequence[Evidence]) -> int:
    """Return the index at which the play starts among the paragraphs before its first speech.

    That is the last heading of a scene below a cast list, with the headings of its act and of a prologue before it.
    Where there is no heading, it is the directions, or the description of the room, right before the first speech.
    """
    listed = next((index + 1 for index in reversed(range(len(held))) if held[index].is_front_heading), 0)
    headings = [index for index in range(listed, len(held)) if held[index].heads_scene]
    if not headings:
        return _described_from(held, listed)
    start = headings.pop()
    rank = _RANKS.get(held[start].heading_kind, 9)
    while headings and all(paragraph.is_furniture for paragraph in held[headings[-1] + 1 : start]):
        higher = _RANKS.get(held[headings[-1]].heading_kind, 9)
        if higher >= rank:
            break  # a table of contents
        start, rank = headings.pop(), higher
    return start


def _described_from(held: Sequence[Evidence], listed: int) -> int:
    """Return where the directions right before the first cue start, or the description below a title or a list."""
    start = described = len(held)
    while start > listed and held[start - 1].is_bracketed:
        start -= 1
    while described > listed and (held[described - 1].is_bracketed or _describes(held[described - 1], listed)):
        described -= 1
    titled = described and held[described - 1].text.strip().isupper() and len(held[described - 1].text) < TITLE
    return described if titled or listed else start


def _describes(paragraph: Evidence, listed: int) -> bool:
    """Return whether this describes the room: below a list, more than a line, which may be a person of it."""
    return paragraph.narrates and not mentions_print(paragraph.text) and not (listed and "\n" not in paragraph.text)


def ends(paragraph: Evidence, ahead: Sequence[Evidence], recognizer: Recognizer, before: Evidence | None) -> str:
    """Return the name of the rule by which the play is over before this paragraph, "" if it is not.

    That is at closing words, at new front matter, or after the last speech. `ahead` are the paragraphs that follow,
    `before` is the previous one.
    """
    fallen = before is not None and before.is_curtain
    if paragraph.is_closing:
        return "closing-words"
    if paragraph.is_back_matter and not paragraph.is_furniture and not recognizer.knows(paragraph):
        return "back-matter"
    titled = _may_be_title(paragraph) and (fallen or not recognizer.knows(paragraph))
    if titled and _title_page(ahead, recognizer, printed=fallen):
        return "title-page"
    if recognizer.begins_with_cue(paragraph) or (paragraph.is_furniture and not paragraph.is_rule):
        return ""
    speaks = recognizer.knows if fallen else recognizer.begins_with_cue
    return "" if any(map(speaks, ahead)) or not _is_prose(paragraph, ahead) else "nobody-speaks"


def _is_prose(paragraph: Evidence, ahead: Sequence[Evidence]) -> bool:
    """Return whether prose follows the last cue, or this is a rule, and no last direction does."""
    last = itertools.islice(itertools.chain([paragraph], ahead), _LAST)
    if any((each.is_bracketed or each.opens_only or each.is_curtain) and not each.is_furniture for each in last):
        return False
    if paragraph.is_rule:
        return any(not other.is_furniture for other in ahead)
    return len(ahead) >= AHEAD - 1 and sum(not each.is_short_lined for each in ahead) > len(ahead) // 2


def _may_be_title(paragraph: Evidence) -> bool:
    """A short paragraph in capitals, or with a capital to each word."""
    text = paragraph.text.strip()
    titled = len(text) < TITLE and (text.isupper() or text.istitle())
    return titled and not (paragraph.is_bracketed or paragraph.is_curtain)


def _title_page(ahead: Iterable[Evidence], recognizer: Recognizer, printed: bool) -> bool:
    """Return whether the next play's cast list comes before anyone known speaks, or, if `printed`, its publisher."""
    for other in itertools.islice(ahead, _NEAR):
        if other.is_front_heading or (printed and mentions_print(other.text)):
            return True
        if recognizer.knows(other) or other.is_closing or other.is_curtain:
            return False
    return False
