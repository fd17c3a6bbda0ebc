"""How printed plays show who speaks: one pattern for each style, and the speakers that a sample of a file holds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scriptmodel_trainer.corpus.layouts.paragraphs import Paragraph, is_heading, paragraphs

_UPPER = "A-ZÀ-ÖØ-Þ"
_LOWER = "a-zß-öø-ÿ"
_TITLES = r"(?:MR|MRS|MME|MLLE|M|DR|ST|REV|LT|SGT|CAPT|COL|GEN|HON|Mr|Mrs|Mme|Mlle|Dr|St|Rev|Lt|Capt|Col|Gen|Hon)\."
_CAPS_WORD = rf"(?:{_TITLES}|[{_UPPER}][{_UPPER}0-9'’\-]*|\d+(?:ST|ND|RD|TH)?)"
_CAPS = rf"_?(?P<name>{_CAPS_WORD}(?:(?:,? (?:AND |and |of |the )?|,? & ){_CAPS_WORD}){{0,6}})_?"
_TITLE_WORD = rf"(?:{_TITLES}|[{_UPPER}][{_LOWER}{_UPPER}'’\-]+)"
_TITLE = rf"_?(?P<name>{_TITLE_WORD}(?: (?:and |of |the |de |von )?{_TITLE_WORD}){{0,4}})_?"
_DIRECTION = r"(?P<direction>,?\s*(?:\[[^\]]{0,600}\]|\([^)]{0,600}\)))"

_NEVER = frozenset(
    [
        "ACT",
        "SCENE",
        "CURTAIN",
        "END",
        "PROJECT",
        "CHAPTER",
        "PREFACE",
        "VOLUME",
        "TIME",
        "PLACE",
        "CHARACTERS",
        "PERSONS",
        "CONTENTS",
        "NOTE",
        "NOTES",
        "THE_END",
        "ENTER",
        "EXIT",
        "EXEUNT",
        "INT",
        "EXT",
        "FADE",
        "CUT",
        "FINIS",
        "BY",
        "AND",
        "OR",
        "ALSO",
        "PS",
        "PP",
        "VOL",
        "NO",
        "I",
        "A",
        "O",
    ]
)
_NOT_SPEAKERS = frozenset(
    [
        "Yes",
        "No",
        "Oh",
        "Ah",
        "Well",
        "Why",
        "What",
        "Who",
        "Where",
        "When",
        "How",
        "Good",
        "Come",
        "Go",
        "And",
        "But",
        "The",
        "It",
        "He",
        "She",
        "They",
        "We",
        "You",
        "That",
        "This",
        "There",
        "Then",
        "Now",
        "Here",
        "So",
        "If",
        "In",
        "On",
        "At",
        "For",
        "My",
        "Your",
        "His",
        "Her",
        "Our",
        "Indeed",
        "Never",
        "Nothing",
        "Exactly",
        "Really",
        "Perhaps",
        "Certainly",
        "Quite",
        "Please",
        "Thanks",
        "Mother",
        "Sir",
        "Madam",
        "Dear",
        "Nonsense",
        "Enter",
        "Exit",
        "Exeunt",
        "Act",
        "Scene",
        "Time",
        "Place",
        "Note",
        "Curtain",
    ]
)


@dataclass(frozen=True, slots=True)
class CueStyle:
    """A way to show the speaker. `pattern` matches at the beginning of a line and ends where the speech begins."""

    name: str
    pattern: re.Pattern[str]
    known_only: bool  # a name counts only if the sample shows it several times
    alone: bool = False  # the speech may begin in the next paragraph


STYLES: tuple[CueStyle, ...] = (
    CueStyle(
        "caps-period",
        re.compile(
            rf"^[ \t]*{_CAPS}(?:{_DIRECTION}?\s*\.(?:--)?|{_DIRECTION.replace('direction', 'aside')})(?=\s+\S|_)", re.M
        ),
        known_only=False,
    ),
    CueStyle("title-period", re.compile(rf"^[ \t]*{_TITLE}{_DIRECTION}?\s*\.(?=\s+\S)", re.M), known_only=True),
    CueStyle("caps-colon", re.compile(rf"^[ \t]*{_CAPS}{_DIRECTION}?\s*:(?=\s*\S)", re.M), known_only=False),
    CueStyle("title-colon", re.compile(rf"^[ \t]*{_TITLE}{_DIRECTION}?\s*:(?=\s*\S)", re.M), known_only=True),
    CueStyle("dash", re.compile(rf"^[ \t]*{_CAPS}{_DIRECTION}?\s*\.?(?:--|[—–])(?=\s*\S)", re.M), known_only=False),
    CueStyle("column", re.compile(rf"^ {{0,4}}{_CAPS}\.?(?: {{2,}}|\t+)(?=\S)", re.M), known_only=True),
    CueStyle(
        "name-alone",
        re.compile(rf"\A[ \t]*{_CAPS}(?:[ \t]*(?P<direction>\([^)\n]*\)|\[[^\]\n]*\]))?[ \t]*[.:]?[ \t]*(?=\n|\Z)"),
        known_only=True,
        alone=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Cue:
    """A speaker's name found in a paragraph: from `start` to `end`, with the direction beside the name, if any."""

    name: str
    direction: str
    start: int
    end: int


def find_cues(style: CueStyle, text: str, speakers: frozenset[str]) -> Iterator[Cue]:
    """Cues of a paragraph's text; inside it (not at its beginning) only known speakers count."""
    for match in style.pattern.finditer(text):
        name = match["name"].strip(" .-")
        if not _could_be_name(name):
            continue
        first = not text[: match.start()].strip()
        if name not in speakers and (style.known_only or not first):
            continue
        groups = match.groupdict()
        direction = groups.get("direction") or groups.get("aside") or ""
        yield Cue(name, direction.strip(" ,\n"), match.start(), match.end())


def speakers_of(style: CueStyle, sample: Sequence[str]) -> frozenset[str]:
    """Names that stand as a cue at least twice (three times where names look like other words)."""
    counts: Counter[str] = Counter()
    for paragraph in paragraphs(sample):
        if is_heading(paragraph.text):
            continue
        for match in style.pattern.finditer(paragraph.text):
            name = match["name"].strip(" .-")
            if _could_be_name(name):
                counts[name] += 1
    least = 3 if style.known_only and not style.alone else 2
    return frozenset(name for name, count in counts.items() if count >= least)


def cue_share(style: CueStyle, sample: Sequence[str]) -> float:
    """How much of a sample the style explains, 0 to 1: cues for each paragraph, or for each line with words."""
    speakers = speakers_of(style, sample)
    if not speakers:
        return 0.0
    found = held = 0
    for paragraph in paragraphs(sample):
        cues = sum(1 for _ in find_cues(style, paragraph.text, speakers))
        found += cues
        held += max(1, cues)
    return found / held if found >= 3 else 0.0


def starts_with_cue(style: CueStyle, paragraph: Paragraph, speakers: frozenset[str]) -> bool:
    """True if someone begins to speak at the beginning of the paragraph."""
    first = next(find_cues(style, paragraph.text, speakers), None)
    return first is not None and not paragraph.text[: first.start].strip()


def _could_be_name(name: str) -> bool:
    words = name.split()
    if not words or len(name) < 2 or len(name) > 60:
        return False
    return words[0].rstrip(".,") not in _NEVER and not (len(words) == 1 and words[0] in _NOT_SPEAKERS)
