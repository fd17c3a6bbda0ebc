"""Infers the frame that a file sets around names: in brackets, after a line number, before an odd mark.

Such a frame is inferred from what recurs at the beginning of lines: in a dialogue the same few short heads recur,
alternating. Lists repeat none or are sorted, prose has hardly any. Lines are then read without the frame. So are
lines of verse without the numbers that an edition sets at their ends.
"""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.layouts.names import could_be_name
from scriptmodel_trainer.corpus.layouts.rules import Explain, Parse, silent

_NUMBER = r"[ \t]*+(?:(?P<number>[^\s\d]{0,8}\d[^\s]{0,12})[ \t]+)?+"
_CLOSING = dict(zip("{[(«=+~|*_", "}])»=+~|*_", strict=True))
_WITHIN = (
    r"(?P<opens>[{\[(«=+~|*_])[*_]?[ ]?"
    r"(?P<within>[^\W_][^{}\[\]()«»=+~|*_\n]{0,39})(?P<closes>[}\])»=+~|*_])(?P=closes)?[*_]?[.:]?"
)
_BEFORE = (
    r"(?P<bullet>[-•>*]?+)[ \t]*+(?P<name>[^\W_][^\n:;=>|/~»…\t]{0,39}?)"
    r"(?P<mark>(?<!Mr)(?<!Mrs)(?<!Dr)(?<!MR)(?<!MRS)(?<!DR)[.:](?=\s|$)"
    r"|\.?(?:--|[—–])|[ ]?[;=>|/~»…](?=\s)|[ ]?->|\t+|[ ]{3,}|$)"
)
_HEAD = re.compile(rf"{_NUMBER}(?:{_WITHIN}|{_BEFORE})(?P<words>.*)")
_ORDINARY = (".", ":", "--", "—", "–", "")
_CLOCK = re.compile(r"\W?\d{1,2}:\d\d\b")
_LAST_NUMBER = re.compile(r"\d+(?=\D*$)")
_SMALL = frozenset(("of", "the", "and", "in", "a", "from", "&"))
_WORDS = 5  # of a name
_TURNS = 8  # heads that recur after another one, at least
_MOST_TURNS = 0.5  # of all heads
_DENSE = 0.03  # of all lines
_SPOKEN = 0.02  # of all lines, at least, ask or exclaim: those of lists and tables do not
_COUNTED = 0.7  # of all numbers follow the one before


@dataclass(frozen=True, slots=True)
class Frame:
    """What is around a name: a line number or none, the mark before it, the mark after it."""

    numbered: bool
    opens: str
    closes: str

    def bare(self, line: str) -> tuple[str, str]:
        """The line with its name set as the layouts know it, and the number before it, which is no word of the play."""
        head = _head(line)
        if head is None or head.frame != self:
            return line, ""
        indent = line[: len(line) - len(line.lstrip())]
        if not self.opens and self.closes in _ORDINARY:
            return indent + line[head.start :], head.number
        named = all(word[:1].isupper() or word[:1].isdigit() or word in _SMALL for word in head.name.split())
        name = f"_{head.name}._" if named or not head.words else f"_{head.name}_:"
        return f"{indent}{name} {head.words}".rstrip(), head.number


def without(bare: Callable[[str], tuple[str, str]], parse: Parse) -> Parse:
    """Return the parser of a layout for files whose lines `bare` returns, each with the number that was beside it."""

    def parse_bare(lines: Iterable[str], sample: Sequence[str], explain: Explain = silent) -> Iterator[Event]:
        numbers: list[Event] = []

        def bared() -> Iterator[str]:
            for place, line in enumerate(lines, 1):
                text, number = bare(line)
                if number:
                    numbers.append(Event(EventKind.CUT, number, line=place))
                yield text

        for event in parse(bared(), [bare(line)[0] for line in sample], explain):
            yield from numbers
            numbers.clear()
            yield event
        yield from numbers

    return parse_bare


def without_number(line: str, step: int = 1) -> tuple[str, str]:
    """Return a line of verse and the number at its end, "" unless it has one in such steps."""
    words, *last = line.rsplit(maxsplit=1) or [line]
    number = "".join(last).strip("[]()")
    return (words, number) if number.isdecimal() and len(number) < 5 and int(number) % step == 0 else (line, "")


def steps_of_numbers(sample: Sequence[str]) -> int:
    """Return in which steps an edition numbers its lines of verse, at their ends: most often 5; 0 if it does not."""
    numbers = [int(number) for _, number in map(without_number, sample) if number]
    counts = Counter(after - before for before, after in itertools.pairwise(numbers))
    step, count = max(counts.items(), key=lambda each: each[1], default=(0, 0))
    return step if step > 1 and count >= _COUNTED * max(_TURNS, len(numbers)) else 0


@dataclass(frozen=True, slots=True)
class _Head:
    frame: Frame
    number: str
    name: str
    words: str
    start: int  # behind the number


def infer(sample: Sequence[str]) -> list[Frame]:
    """The frames in which names recur as speakers do, the most frequent one first."""
    found: dict[Frame, list[_Head]] = {}
    full = spoken = 0
    for line in sample:
        full += bool(line.strip())
        spoken += "?" in line or "!" in line
        head = _head(line)
        if head is not None:
            found.setdefault(head.frame, []).append(head)
    if spoken < _SPOKEN * full:
        return []
    likely = [
        frame for frame, heads in found.items() if len(heads) >= _DENSE * full and _take_turns(frame, heads, full)
    ]
    return sorted(likely, key=lambda frame: -len(found[frame]))


def _head(line: str) -> _Head | None:
    match = _HEAD.match(line)
    if match is None:
        return None
    name = " ".join((match["within"] or match["name"]).split()).rstrip(" .,:-")
    words = match["words"].strip()
    if not could_be_name(name) or name[0].islower() or len(name.split()) > _WORDS:
        return None
    opens = match["opens"] or match["bullet"] or ""
    closes = (match["closes"] or match["mark"] or "").strip(" .") or ("\t" if words and match["mark"] != "." else "")
    if (match["opens"] and match["closes"] != _CLOSING[opens]) or (opens in ("[", "(") and not words):
        return None
    number = match["number"] or ""
    if _CLOCK.match(number):
        return None  # of a chat
    frame = Frame(bool(number), opens, closes)
    ordinary = not number and not opens and closes in _ORDINARY
    return None if ordinary else _Head(frame, number, name, words, match.end("number") if number else 0)


def _take_turns(frame: Frame, heads: Sequence[_Head], full: int) -> bool:
    """Return whether the same names recur, each after another one, and numbers count up."""
    seen: set[str] = set()
    turns = followed = 0
    name, number = "", 0
    for head in heads:
        turns += head.name in seen and head.name != name
        seen.add(head.name)
        name = head.name
        if digits := _LAST_NUMBER.search(head.number):
            followed += int(digits[0]) in (number + 1, 1)
            number = int(digits[0])
    speak = sum(bool(head.words) for head in heads)
    columns = bool(frame.closes) and sum(frame.closes in head.words for head in heads) > len(heads) // 2
    return (
        turns >= max(_TURNS, _MOST_TURNS * len(heads))
        and not columns
        and (not frame.numbered or followed >= _COUNTED * len(heads))
        and (speak > len(heads) // 2 or len(heads) <= full // 2)
    )
