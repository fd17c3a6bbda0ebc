"""Where a play ends: its last words, and what follows them."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Sequence

from scriptmodel_trainer.corpus.layouts.cast import Cast
from scriptmodel_trainer.corpus.layouts.directions import is_bracketed, opens_only, reads_like_direction, tells
from scriptmodel_trainer.corpus.layouts.marks import (
    is_back_matter,
    is_closing,
    is_curtain,
    is_for_sale,
    is_front_heading,
    is_furniture,
    is_heading,
    is_priced,
    is_rule,
    spoken_by,
    stroke,
    tells_of_print,
)
from scriptmodel_trainer.corpus.layouts.paragraphs import Paragraph

AHEAD = 40  # paragraphs looked at for a play that has ended, or begins with a long speech
_SOLD = 3  # paragraphs from the heading of a catalogue to its first price
_TITLE = 100  # characters
_TAIL = 8  # paragraphs that may follow the last cue before the words that end the play
_NEAR = 12  # paragraphs before the next play's cast list
_SHOWN = 2  # paragraphs from a tableau to the curtain
_PLAYED = 2  # directions in brackets among the paragraphs ahead
_LAST = 6  # paragraphs after the last cue that a final direction may follow
_CURTAIN = re.compile(r"CURTAIN|TABLEAU|DROP|DANCE")
_PROSE = 55  # characters; lines of prose are longer, those of verse shorter
_CAPITAL_WORDS = re.compile(r"\s*[A-Z]\S*(?:\s+(?:[A-Z]\S*|of|the|and|in|an?|to|for|or))*(?<![.!?,;:_])\s*")
_COLOPHON = re.compile(r"PRINTED (?:BY|IN|AT)\b|(?:Printed|_Printed) (?:_?by|in|at)\b")


def ends(paragraph: Paragraph, ahead: Sequence[Paragraph], cast: Cast, before: Paragraph | None) -> bool:
    """True at words that say so, at a new front matter, or where nobody speaks any more.

    `ahead` are the paragraphs that follow, `before` is the one before.
    """
    text = paragraph.text
    matter = _back_matter_begins(paragraph, ahead) and not cast.knows(paragraph)
    fallen = before is not None and is_curtain(before.text)
    if matter or cast.begins_with_cue(paragraph):  # a title may look like a name
        return matter or (fallen and (_title_page(ahead, cast) or _strange(paragraph, ahead, cast)))
    if is_furniture(text) and (
        not is_rule(text) or stroke(text) in cast.rules
    ):  # a page, an illustration; notes at the end
        return is_front_heading(text) and not any(map(cast.begins_with_cue, ahead))
    if _may_be_title(text) and _title_page(ahead, cast):
        return not _CURTAIN.search(text) or is_closing(text) or is_front_heading(text)
    advertised = fallen and _advertises([paragraph, *ahead])
    if is_closing(text) or is_front_heading(text) or advertised or _heads_list(paragraph, ahead, cast):
        return True
    speaks = cast.knows if fallen else cast.begins_with_cue
    if any(map(speaks, ahead)) or is_epilogue(text) or spoken_by(text) is not None:
        return _COLOPHON.search(text) is not None and not any(map(cast.knows, ahead))
    picture = fallen and any(is_curtain(other.text) for other in itertools.islice(ahead, _SHOWN))
    goes_on = picture or (fallen and is_heading(text) and is_played(ahead))
    return not goes_on and (fallen or _COLOPHON.search(text) is not None or _nobody_speaks(paragraph, ahead, cast))


def _back_matter_begins(paragraph: Paragraph, ahead: Sequence[Paragraph]) -> bool:
    """Whether this is the heading of notes or of a catalogue."""
    text = paragraph.text
    if text.isupper() and len(text) < _TITLE and any(map(_for_sale, itertools.islice(ahead, _SOLD))):
        return not _moves(text)
    return is_back_matter(text) and not is_furniture(text)


def _heads_list(paragraph: Paragraph, ahead: Sequence[Paragraph], cast: Cast) -> bool:
    """Whether this is the heading of a catalogue: only strange names follow, and nobody asks or speaks to anyone."""
    text = paragraph.text
    if len(text) > _TITLE or not text.strip().isupper() or any(map(cast.knows, ahead)):
        return False
    names = sum(map(cast.begins_with_cue, ahead))
    return (
        names > max(_SOLD, len(ahead) // 2)
        and not (_moves(text) or is_heading(text))
        and all(tells(other.text) for other in ahead)
    )


def _strange(paragraph: Paragraph, ahead: Sequence[Paragraph], cast: Cast) -> bool:
    """Whether what looks like a name is nobody's, and nobody known speaks any more."""
    return not is_heading(paragraph.text) and not any(map(cast.knows, [paragraph, *ahead]))


def _for_sale(paragraph: Paragraph) -> bool:
    return is_for_sale(paragraph.text)


def _nobody_speaks(paragraph: Paragraph, ahead: Sequence[Paragraph], cast: Cast) -> bool:
    """Whether the play is over where no cue follows: what follows is prose, or stands after a rule."""
    if is_rule(paragraph.text):
        over = any(not is_furniture(other.text) for other in ahead)
    else:
        prose = sum(1 for other in ahead if not (_verse(other) or is_bracketed(other.text) or _by_someone(other)))
        over = len(ahead) >= AHEAD - 1 and prose > len(ahead) // 2 and not is_played(ahead)
    return over and not _goes_on(paragraph, ahead, cast)


def is_played(following: Iterable[Paragraph]) -> bool:
    """Whether directions in brackets stand among these: a crowd whose members have no names may speak for pages."""
    return sum(map(_is_direction, following)) >= _PLAYED


def _is_direction(paragraph: Paragraph) -> bool:
    text = paragraph.text
    bracketed = text.lstrip(" _")[:1] in ("[", "(") and (is_bracketed(text) or opens_only(text))
    return bracketed and not is_furniture(text)


def is_epilogue(text: str) -> bool:
    """True for the heading of what is spoken after the last scene."""
    return is_heading(text) and "EPILOGUE" in text.upper()


def _goes_on(paragraph: Paragraph, ahead: Iterable[Paragraph], cast: Cast) -> bool:
    """Whether this still belongs to the play though nobody is named any more.

    So it is if a direction, a curtain or an epilogue follows soon, or nothing but verse or a last word before the end.
    """
    verse, ruled = True, False
    for index, other in enumerate(itertools.chain([paragraph], ahead)):
        text = other.text
        if is_closing(text):
            return verse or (index <= _TAIL and not ruled)
        if is_front_heading(text) or tells_of_print(text):
            return False
        if index <= _LAST and (_moves(text) or is_epilogue(text)):
            return True
        verse = verse and (_verse(other) or is_furniture(text))
        ruled = ruled or (is_rule(text) and stroke(text) not in cast.rules)
    return False


def _moves(text: str) -> bool:
    if is_furniture(text):
        return False
    short = len(text) < 400
    return is_bracketed(text) or is_curtain(text) or opens_only(text) or (short and reads_like_direction(text))


def _advertises(following: Sequence[Paragraph]) -> bool:
    """Whether prices are named before another scene begins."""
    for paragraph in following:
        if is_heading(paragraph.text):
            return False
        if is_priced(paragraph.text):
            return True
    return False


def _may_be_title(text: str) -> bool:
    """A short paragraph in capitals, or with a capital to each word."""
    upper = text.strip().isupper() and not is_bracketed(text)
    return len(text) < _TITLE and (upper or _CAPITAL_WORDS.fullmatch(text) is not None)


def _title_page(ahead: Sequence[Paragraph], cast: Cast) -> bool:
    """Whether the next play's cast list comes before anyone known speaks."""
    for other in itertools.islice(ahead, _NEAR):
        if is_front_heading(other.text):
            return True
        if cast.knows(other) or is_curtain(other.text) or is_closing(other.text):
            return False
    return False


def _by_someone(paragraph: Paragraph) -> bool:
    """Words after a dash: someone in a crowd says them."""
    return paragraph.text.lstrip().startswith(("--", "—"))


@functools.lru_cache(maxsize=2 * AHEAD)  # each is looked at again for every one before it
def _verse(paragraph: Paragraph) -> bool:
    """Short lines."""
    lines = paragraph.text.split("\n")
    return sum(len(line.strip()) < _PROSE for line in lines) > len(lines) // 2
