"""Finds where a play ends."""

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from scriptmodel_trainer.corpus.layouts.evidence import Evidence
from scriptmodel_trainer.corpus.layouts.marks import mentions_print
from scriptmodel_trainer.corpus.layouts.recognizer import Recognizer

AHEAD = 40  # paragraphs that decide whether a play has ended or starts
_TITLE = 100  # characters
_TAIL = 8  # paragraphs that may follow the last cue before the words that end the play
_NEAR = 12  # paragraphs before the next play's cast list
_PRINTED = 4  # paragraphs from a title to what names the printer or the first performance
_PLAYED = 2  # directions in brackets among the paragraphs ahead
_LAST = 6  # paragraphs after the last cue that a final direction may follow
_CURTAIN = re.compile(r"CURTAIN|TABLEAU|DROP|DANCE")
_CAPITAL_WORDS = re.compile(r"\s*[A-Z]\S*(?:\s+(?:[A-Z]\S*|of|the|and|in|an?|to|for|or))*(?<![.!?,;:_])\s*")


@dataclass(frozen=True)
class Edge:
    """A paragraph that may be the first one behind a play: the one before it, and those that follow."""

    paragraph: Evidence
    ahead: Sequence[Evidence]
    recognizer: Recognizer
    before: Evidence | None

    @property
    def fallen(self) -> bool:
        """Return whether the curtain fell right before."""
        return self.before is not None and self.before.is_curtain


def ends(paragraph: Evidence, ahead: Sequence[Evidence], recognizer: Recognizer, before: Evidence | None) -> str:
    """Return the name of the rule by which the play is over before this paragraph, "" if it is not.

    That is at closing words, at new front matter, or after the last speech. `ahead` are the paragraphs that follow,
    `before` is the previous one.
    """
    edge = Edge(paragraph, ahead, recognizer, before)
    verdicts = ((name, test(edge)) for name, test in ENDINGS.items())
    return next((name if verdict else "" for name, verdict in verdicts if verdict is not None), "")


def _nobody_speaks(paragraph: Evidence, ahead: Sequence[Evidence]) -> bool:
    """Return whether the play is over where no cue follows: prose follows, or this is a rule."""
    if paragraph.is_rule:
        over = any(not other.is_furniture for other in ahead)
    else:
        prose = sum(1 for other in ahead if not (other.is_short_lined or other.is_bracketed))
        over = len(ahead) >= AHEAD - 1 and prose > len(ahead) // 2 and not is_played(ahead)
    return over and not _continues(paragraph, ahead)


def is_played(following: Iterable[Evidence]) -> bool:
    """Return whether some of these are directions in brackets: a crowd without names may speak for pages."""
    return sum(map(_is_direction, following)) >= _PLAYED


def _is_direction(paragraph: Evidence) -> bool:
    text = paragraph.text
    bracketed = text.lstrip(" _")[:1] in ("[", "(") and (paragraph.is_bracketed or paragraph.opens_only)
    return bracketed and not paragraph.is_furniture


def _continues(paragraph: Evidence, ahead: Iterable[Evidence]) -> bool:
    """Return whether this still belongs to the play although no name follows.

    It does if a direction or a curtain follows soon, or nothing but verse or a last word before the end.
    """
    verse, ruled = True, False
    for index, other in enumerate(itertools.chain([paragraph], ahead)):
        text = other.text
        if other.is_closing:
            return verse or (index <= _TAIL and not ruled)
        if other.is_front_heading or mentions_print(text):
            return False
        if index <= _LAST and (other.is_bracketed or other.is_curtain or other.opens_only) and not other.is_furniture:
            return True
        verse = verse and (other.is_short_lined or other.is_furniture)
        ruled = ruled or other.is_rule
    return False


def _may_be_title(paragraph: Evidence) -> bool:
    """A short paragraph in capitals, or with a capital to each word."""
    text = paragraph.text
    upper = text.strip().isupper() and not paragraph.is_bracketed
    return len(text) < _TITLE and (upper or _CAPITAL_WORDS.fullmatch(text) is not None)


def _title_page(ahead: Sequence[Evidence], recognizer: Recognizer) -> bool:
    """Return whether the next play's cast list comes before anyone known speaks."""
    for other in itertools.islice(ahead, _NEAR):
        if other.is_front_heading:
            return True
        if recognizer.knows(other) or other.is_curtain or other.is_closing:
            return False
    return False


def _is_back_matter(edge: Edge) -> bool | None:
    """The heading of notes or of a list of books ends the play."""
    begins = edge.paragraph.is_back_matter and not edge.paragraph.is_furniture
    return True if begins and not edge.recognizer.knows(edge.paragraph) else None


def _is_stranger(edge: Edge) -> bool | None:
    """A name ends a play only after the curtain, on the next title page or if nobody known speaks."""
    if not edge.recognizer.begins_with_cue(edge.paragraph):
        return None
    strange = not edge.paragraph.is_heading and not any(map(edge.recognizer.knows, [edge.paragraph, *edge.ahead]))
    return edge.fallen and (strange or _title_page(edge.ahead, edge.recognizer))


def _is_page_edge(edge: Edge) -> bool | None:
    """Pages, illustrations and the rules of the play end none; the heading of notes does, where nobody speaks."""
    if edge.paragraph.is_rule or not edge.paragraph.is_furniture:
        return None
    return edge.paragraph.is_front_heading and not any(map(edge.recognizer.begins_with_cue, edge.ahead))


def _is_printed_title(edge: Edge) -> bool | None:
    """After the curtain a title may be followed by who performed or printed the play, and no cast list."""
    if not (edge.fallen and edge.paragraph.text.isupper() and _may_be_title(edge.paragraph)):
        return None
    unnamed = itertools.takewhile(lambda other: not edge.recognizer.knows(other), edge.ahead)
    return any(mentions_print(other.text) for other in itertools.islice(unnamed, _PRINTED)) or None


def _is_title_page(edge: Edge) -> bool | None:
    if not (_may_be_title(edge.paragraph) and _title_page(edge.ahead, edge.recognizer)):
        return None
    return not _CURTAIN.search(edge.paragraph.text)


def _is_played_on(edge: Edge) -> bool | None:
    """Where others speak, the play is not over."""
    speaks = edge.recognizer.knows if edge.fallen else edge.recognizer.begins_with_cue
    return False if any(map(speaks, edge.ahead)) else None


ENDINGS: Mapping[str, Callable[[Edge], bool | None]] = {
    "back-matter": _is_back_matter,
    "stranger": _is_stranger,
    "page-edge": _is_page_edge,
    "title-page": _is_title_page,
    "printed-title": _is_printed_title,
    "closing-words": lambda edge: edge.paragraph.is_closing or None,
    "played-on": _is_played_on,
    "nobody-speaks": lambda edge: _nobody_speaks(edge.paragraph, edge.ahead),
}
"""Tests of whether a play is over, by name: the first that says yes or no decides; None leaves it to the next."""
