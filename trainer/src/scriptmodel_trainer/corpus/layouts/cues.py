"""How printed plays show who speaks: the ways to set a name before the words, found line by line."""

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass

from scriptmodel_trainer.corpus.layouts.names import (
    CAPS_NAME,
    EFFECTS,
    TITLE_NAME,
    could_be_name,
    is_letter,
)


class CueKind(enum.Enum):
    """What is between the name and the words; `caps` names in capitals, `title` others."""

    PERIOD = "period"
    COLON = "colon"
    DASH = "dash"
    ASIDE = "aside"  # a direction in brackets, nothing more
    COLUMN = "column"  # two spaces or more
    SPACE = "space"  # a single space
    ALONE = "alone"  # the line's end
    ABOVE = "above"  # the line's end without a full stop, right above the words
    LOST = "lost"  # a full stop or a colon, in the middle of a line


@dataclass(frozen=True, slots=True)
class Cue:
    """A speaker's name in a paragraph: from `start` to `end`, with the direction beside the name, if any."""

    name: str
    kind: CueKind
    caps: bool
    direction: str
    start: int
    end: int
    italic: bool = False  # so that nothing but a name ends where the italics do


_DIRECTION = r"(?:\[\d{1,3}\])?(?P<direction>,?\s{0,2}_?[\[(](?!(?:\d{1,3}|[A-Z])[\])])[^\[\]()]{0,600}[\])][.,;]?_?)?"
_BETWEEN = (
    r"(?:[ \t]*+\.?:?(?:(?<=[.:,])(?:--|—))?[ \t]*+(?P<alone>\n|\Z)|,(?P<comma>\Z)"
    r"|(?:[ \t]?\.?[ \t]?(?:--+|[—–])|[ \t][-–—][ \t]|\.-(?!-))(?=\s*\S)(?P<dash>)"
    r"|[ \t]?\.\*{0,2}(?=[\s\[(_]|[.?!])(?P<period>)"
    r"|[ \t.]?:\*{0,2}(?=\s*\S)(?P<colon>)"
    r"|\.?[ \t]*\|(?P<pipe>)"
    r"|(?<=[\])_.,;])(?=[\s?!])(?P<aside>)"
    r"|(?: {2,}|\t+)(?=\S)(?P<column>)"
    r"|[ ](?=[\"“‘'(\[_]?[A-Z])(?P<space>))"
)
_CAPS = re.compile(rf"^[ \t]*[_*]{{0,2}}(?P<name>{CAPS_NAME})[_*]{{0,2}}{_DIRECTION}{_BETWEEN}", re.MULTILINE)
_TITLE = re.compile(rf"^[ \t]*[_*]{{0,2}}(?P<name>{TITLE_NAME})[_*]{{0,2}}{_DIRECTION}{_BETWEEN}", re.MULTILINE)
_SMALL = "de|des|du|la|le|les|et|von|van|der|den|und|di|del|della"  # words within names of other languages
# `_K. Edw._`, `_First P. Man._`: italics show where the name ends, whatever its abbreviations.
_ITALIC = re.compile(
    r"^[ \t]*_(?P<name>(?:[^\W_a-z][\w'’]*\.?,? (?:(?:of|the|and|in|a|from|&|" + _SMALL + r") ){0,2}){0,4}"
    r"[^\W_a-z][\w'’]*(?:,? (?:jun|sen|jr|sr))?)"
    r"(?:\._|_\.)(?=\s|\Z)"
    r"|^[ \t]*_(?P<called>[^\W_a-z][^_\n:.!?()]{1,40}?)(?P<manner>\s\([^_:()]{1,200}\))?(?:_:|:_)(?=\s|\Z)",
    re.MULTILINE,
)
_JOINED = re.compile(r"(?<=[^\W_])_(?=[^\W_])")  # `Anna_Gull`
_INITIAL = re.compile(r"(?:\A|\s)[^\W\d_a-z]\.\Z")
_CENTRED = " " * 16
_KINDS = {
    **{kind.value: kind for kind in CueKind},
    "comma": CueKind.ALONE,
    "pipe": CueKind.COLON,
}  # a pipe parts voices
# A name within a line, where a line break was lost: alone between two sentences, or with a direction.
_LOST = re.compile(
    r"(?<=[.!?\"”)\]—-])(?<!Mr\.)(?<!Mrs\.)(?<!Dr\.)(?<!MR\.)(?<!MRS\.)(?<!DR\.)(?<!Miss)[ ]{0,2}"
    r"(?P<name>(?:Mrs?\. |Dr\. |MRS?\. |DR\. )?[^\W\d_a-z][^\W\d_]+)"
    r"(?:(?P<direction>\s\(_?[a-z][^()]{0,300}\))\.|\.)(?=\s+[\"“(\[A-Z])"
)
_MARKED = frozenset((CueKind.PERIOD, CueKind.COLON, CueKind.DASH, CueKind.ASIDE))
_TITLE_KINDS = _MARKED | {CueKind.ALONE, CueKind.ABOVE}


def lost_cues(text: str) -> Iterator[Cue]:
    """Yield names within lines that are set as cues are: accepted only if they are known."""
    for match in _LOST.finditer(text):
        name, direction = match["name"], (match["direction"] or "").strip()
        if direction or text[match.start() : match.start() + 1] == " ":
            yield Cue(name, CueKind.LOST, name.isupper(), direction, match.start(), match.end())


def candidates(text: str, caps: bool) -> Iterator[Cue]:
    """Yield whatever is in the place of a name at the beginning of each line of a paragraph."""
    italics: set[int] = set()
    if any(end in text for end in ("._", "_.", "_:", ":_")):
        for match in _ITALIC.finditer(text):
            if cue := _italic_cue(match, caps):
                italics.add(cue.start)
                yield cue
    for match in (_CAPS if caps else _TITLE).finditer(text):
        if match.start() not in italics and (cue := _cue(match, caps)):
            yield cue


def _italic_cue(match: re.Match[str], caps: bool) -> Cue | None:
    name = match["name"] or match["called"]
    if name.isupper() is not caps or not (is_letter(name) or could_be_name(name)):
        return None
    kind, manner = CueKind.PERIOD if match["name"] else CueKind.COLON, (match["manner"] or "").strip()
    return Cue(name, kind, caps, manner, match.start(), match.end(), italic=True)


def first_candidate(text: str, caps: bool) -> Cue | None:
    """Return what is in the place of a name at the beginning of a paragraph, if anything is."""
    if text.lstrip()[:1] == "_" and (italic := _ITALIC.match(text)) and (cue := _italic_cue(italic, caps)):
        return cue
    match = (_CAPS if caps else _TITLE).match(text)
    return _cue(match, caps) if match else None


def _kind(match: re.Match[str]) -> CueKind:
    """Return what is after the name; the full stop of an initial is one."""
    kind = _KINDS[match.lastgroup or "space"]
    if kind is CueKind.ASIDE and not match["direction"] and _INITIAL.search(match.group().lstrip()):
        return CueKind.PERIOD
    return kind


def _continues_in_italics(match: re.Match[str]) -> bool:
    """Return whether the italics that begin with the name continue with words."""
    return (
        match.group().count("_") == 1
        and match.group().lstrip()[0] == "_"
        and match.string[match.end() : match.end() + 8].lstrip()[:1] not in ("_", "[", "(")
    )


def _cue(match: re.Match[str], caps: bool) -> Cue | None:
    name = " ".join(_JOINED.sub(" ", match["name"]).replace("_", "").split()).strip(" .-")
    kind = _kind(match)
    if not caps and match["name"].partition("\n")[0].rstrip().isupper():
        return None  # a name in capitals alone on its line, and the first word spoken
    if kind is CueKind.PERIOD and _continues_in_italics(match):
        return None  # the first words of a direction
    direction = (match["direction"] or "").strip(" ,.;\n_")
    if kind is CueKind.ALONE and direction:
        kind = CueKind.ASIDE
    centred = match.group() == match.string and match.string.startswith(_CENTRED)  # a paragraph of its own
    if kind is CueKind.ALONE and not caps and match.group().rstrip()[-1:] not in ".:" and not centred:
        if match.start() or not match.string[match.end() :].strip():
            return None  # a short line
        kind = CueKind.ABOVE
    sounds = kind is CueKind.COLON and caps and name.upper() in EFFECTS
    within = match.lastgroup == "comma" and (not caps or match.start() > 0)
    named = could_be_name(name) or (is_letter(name) and kind in (CueKind.COLON, CueKind.DASH))  # `E. Gull` is one
    if sounds or within or not named or (not caps and (name.isupper() or kind not in _TITLE_KINDS)):
        return None
    if kind is CueKind.ASIDE and not direction:
        return None
    return Cue(name, kind, caps, direction, match.start(), match.end())
