"""Finds where a play starts and where it ends: what is before, between and after plays is no part of a script."""

import itertools
from collections.abc import Iterable, Sequence

from scriptmodel_trainer.corpus.layouts.directions import is_bracketed, narrates, opens_only
from scriptmodel_trainer.corpus.layouts.marks import (
    heading_kind,
    heads_first,
    heads_scene,
    is_back_matter,
    is_closing,
    is_curtain,
    is_front_heading,
    is_furniture,
    is_heading,
    is_rule,
    lists_names,
    mentions_print,
)
from scriptmodel_trainer.corpus.layouts.paragraphs import Paragraph
from scriptmodel_trainer.corpus.layouts.recognizer import Recognizer

AHEAD = 40  # paragraphs that decide whether a play has ended or starts
TITLE = 100  # characters
_NEAR = 12  # paragraphs ahead in which others must speak
_ENOUGH = 4  # cues among them
_LIST = 8  # paragraphs of a cast list, at most, that look like speeches
_LAST = 6  # paragraphs after the last cue that a final direction may follow
_PROSE = 55  # characters; lines of prose are longer, those of verse shorter


def begins(text: str, front: Iterable[Paragraph], ahead: Sequence[Paragraph], recognizer: Recognizer) -> bool:
    """Return True where someone speaks and others soon do, too.

    `front` are the paragraphs before that belong to no play, `ahead` those that follow.
    """
    if not recognizer.begins_with_cue(text, sure=True) or _lists(text, front, ahead, recognizer):
        return False
    near = len(recognizer.cues(text)) - 1
    for other in ahead if recognizer.knows(text) else itertools.islice(ahead, _NEAR):
        if is_front_heading(other.text):
            return False
        near += recognizer.begins_with_cue(other.text, sure=True)
        if near >= _ENOUGH:
            return True
    return near >= min(_ENOUGH, max(0, len(ahead) - 1) // 2)


def _lists(text: str, front: Iterable[Paragraph], ahead: Sequence[Paragraph], recognizer: Recognizer) -> bool:
    """Return whether this only looks like a speech: in a programme, a cast list, a list of works."""
    listed = [is_front_heading(each.text) for each in front if is_front_heading(each.text) or is_heading(each.text)]
    if not listed:
        return any(is_front_heading(each.text) and each.text.isupper() for each in ahead)
    heading = next((each.text for each in itertools.islice(ahead, _LIST) if is_heading(each.text)), "")
    following = itertools.takewhile(lambda each: not is_heading(each), [text, *(each.text for each in ahead)])
    names = list(itertools.islice(filter(None, map(recognizer.first_name, following)), _LIST))
    return listed[-1] and (lists_names(text) or heads_first(heading) or len(names) == len(set(names)))


def first_of_play(held: Sequence[Paragraph]) -> int:
    """Return the index at which the play starts among the paragraphs before its first speech.

    That is the last heading of a scene below a cast list, with the headings of its act and of a prologue before it.
    Where there is no heading, it is the directions, or the description of the room, right before the first speech.
    """
    listed = next((index + 1 for index in reversed(range(len(held))) if is_front_heading(held[index].text)), 0)
    headings = [index for index in range(listed, len(held)) if heads_scene(held[index].text)]
    if not headings:
        return _described_from(held, listed)
    start = headings.pop()
    while headings and all(is_furniture(each.text) for each in held[headings[-1] + 1 : start]):
        if heading_kind(held[headings[-1]].text) == heading_kind(held[start].text):
            break  # a table of contents
        start = headings.pop()
    return start


def _described_from(held: Sequence[Paragraph], listed: int) -> int:
    """Return where the directions right before the first cue start, or the description below a title or a list."""
    start = described = len(held)
    while start > listed and is_bracketed(held[start - 1].text):
        start -= 1
    while described > listed and (
        is_bracketed(held[described - 1].text) or _describes(held[described - 1].text, listed)
    ):
        described -= 1
    titled = described and held[described - 1].text.strip().isupper() and len(held[described - 1].text) < TITLE
    return described if titled or listed else start


def _describes(text: str, listed: int) -> bool:
    """Return whether this describes the room: below a list, more than a line, which may be a person of it."""
    return narrates(text) and not mentions_print(text) and not (listed and "\n" not in text)


def ends(text: str, ahead: Sequence[Paragraph], recognizer: Recognizer, before: str) -> str:
    """Return the name of the rule by which the play is over before this paragraph, "" if it is not.

    That is at closing words, at new front matter, or after the last speech. `ahead` are the paragraphs that follow,
    `before` is the previous one.
    """
    fallen, known = is_curtain(before), recognizer.knows(text)
    if is_closing(text):
        return "closing-words"
    if is_back_matter(text) and not is_furniture(text) and not known:
        return "back-matter"
    if (fallen or not known) and _may_be_title(text) and _title_page(ahead, recognizer, printed=fallen):
        return "title-page"
    if recognizer.begins_with_cue(text) or (is_furniture(text) and not is_rule(text)):
        return ""
    speaks = recognizer.knows if fallen else recognizer.begins_with_cue
    return "" if any(speaks(each.text) for each in ahead) or not _is_prose(text, ahead) else "nobody-speaks"


def _is_prose(text: str, ahead: Sequence[Paragraph]) -> bool:
    """Return whether prose follows the last cue, or this is a rule, and no last direction does."""
    last = [text, *(each.text for each in itertools.islice(ahead, _LAST - 1))]
    if any((is_bracketed(each) or opens_only(each) or is_curtain(each)) and not is_furniture(each) for each in last):
        return False
    if is_rule(text):
        return any(not is_furniture(other.text) for other in ahead)
    return len(ahead) >= AHEAD - 1 and sum(not _is_short_lined(each.text) for each in ahead) > len(ahead) // 2


def _is_short_lined(text: str) -> bool:
    """Return whether most lines are shorter than those of prose."""
    lines = text.split("\n")
    return sum(len(line.strip()) < _PROSE for line in lines) > len(lines) // 2


def _may_be_title(text: str) -> bool:
    """Return True for a short paragraph in capitals, or with a capital to each word."""
    titled = len(text.strip()) < TITLE and (text.isupper() or text.istitle())
    return titled and not (is_bracketed(text) or is_curtain(text))


def _title_page(ahead: Iterable[Paragraph], recognizer: Recognizer, printed: bool) -> bool:
    """Return whether the next play's cast list comes before anyone known speaks, or, if `printed`, its publisher."""
    for other in itertools.islice(ahead, _NEAR):
        if is_front_heading(other.text) or (printed and mentions_print(other.text)):
            return True
        if recognizer.knows(other.text) or is_closing(other.text) or is_curtain(other.text):
            return False
    return False
