"""Measures how accurately the layouts are read, by notes made by hand.

    python tests/gold/measure.py [--plays DIR]

A gold file (`*.tsv`) annotates passages of one play. `@ FIRST LAST` opens a passage, given by its line numbers in the
text. Each line after it has: line number, kind (`heading`, `direction`, or the speaker), first and last words, and the
directions inside the speech. `?` marks lines that are not scored: two columns of verse.
Names and words are compared without case and punctuation, words without numbers.

* speaker accuracy: the share of utterances (what one person says without a break) that are complete, with the same
  first and last words and the same speaker;
* exposition F1: the harmonic mean of precision and recall over headings and separate directions, each correct if its
  first and last words are;
* direction F1: the same over the directions inside speeches.

Plays are not part of this repository: `--plays` is a folder of texts whose names begin with the gold files' names
(`1754_*.txt` for `1754.tsv`). The short plays in `synthetic/` are always measured. The exit code is 1 if a play falls
short of 99 % and 95 %.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scriptmodel_trainer.corpus import reading
from scriptmodel_trainer.corpus.events import Event, EventKind
from scriptmodel_trainer.corpus.stream import events_of

HERE = Path(__file__).parent
PLAYS = HERE / "plays"
SYNTHETIC = HERE / "synthetic"
LEAST_ACCURACY = 0.99
LEAST_F1 = 0.95
_SHOWN = 3  # words at either end
_APART = ("heading", "direction")


@dataclass(frozen=True, slots=True)
class Item:
    """An utterance, a heading or a direction: `who` is empty for the latter two."""

    line: int
    who: str
    words: str
    inside: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A run of lines of a play, and what a reader found there."""

    first: int
    last: int
    items: tuple[Item, ...]
    unscored: tuple[range, ...]


@dataclass(slots=True)
class Score:
    """Counts over one play; `misses` has the note and the output of each disagreement."""

    name: str
    utterances: int = 0
    right: int = 0
    expositions: int = 0
    expositions_read: int = 0
    expositions_right: int = 0
    inside: int = 0
    inside_read: int = 0
    inside_right: int = 0
    misses: tuple[str, ...] = ()

    @property
    def accuracy(self) -> float:
        """Speaker accuracy, 0 to 1."""
        return self.right / self.utterances

    @property
    def exposition_f1(self) -> float:
        """F1 over headings and separate directions, 0 to 1."""
        return _f1(self.expositions_right, self.expositions, self.expositions_read)

    @property
    def inside_f1(self) -> float:
        """F1 over directions inside speeches, 0 to 1."""
        return _f1(self.inside_right, self.inside, self.inside_read)

    @property
    def good(self) -> bool:
        """Return whether the play is read as accurately as required."""
        return self.accuracy >= LEAST_ACCURACY and self.exposition_f1 >= LEAST_F1

    def add(self, other: Score) -> None:
        """Count another play's figures into this one."""
        for field in ("utterances", "right", "expositions", "expositions_read", "expositions_right"):
            setattr(self, field, getattr(self, field) + getattr(other, field))
        for field in ("inside", "inside_read", "inside_right"):
            setattr(self, field, getattr(self, field) + getattr(other, field))


def main() -> int:
    """Print a line for each play and the totals; 0 if all are read well enough."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plays", type=Path, help="folder of the texts that plays/*.tsv describe")
    parser.add_argument("--misses", action="store_true", help="show every disagreement")
    options = parser.parse_args()
    pairs = list(synthetic_pairs())
    if options.plays is None:
        print("the real plays: SKIPPED, give --plays DIR")
    else:
        pairs += real_pairs(options.plays)
    total = Score("total")
    print(f"{'':<28} utterances  speaker  expositions     F1   inside     F1")
    scores = [score(text, gold) for text, gold in pairs]
    for found in scores:
        total.add(found)
    for found in (*scores, total):
        print(
            f"{found.name:<28} {found.utterances:>10} {found.accuracy:>8.2%} {found.expositions:>12} "
            f"{found.exposition_f1:>6.1%} {found.inside:>8} {found.inside_f1:>6.1%}{'' if found.good else '  LOW'}"
        )
        if options.misses:
            print("".join(f"    {miss}\n" for miss in found.misses), end="")
    return 0 if all(found.good for found in scores) else 1


def synthetic_pairs() -> Iterator[tuple[Path, Path]]:
    """The plays of our own in this repository, each with its gold file."""
    for gold in sorted(SYNTHETIC.glob("*.tsv")):
        yield gold.with_suffix(".txt"), gold


def real_pairs(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Return the plays in `folder` with their gold files; raises FileNotFoundError for a missing one."""
    for gold in sorted(PLAYS.glob("*.tsv"), key=lambda path: int(path.stem)):
        text = next(folder.glob(f"{gold.stem}_*.txt"), None)
        if text is None:
            raise FileNotFoundError(f"no {gold.stem}_*.txt in {folder}")
        yield text, gold


def score(text: Path, gold: Path) -> Score:
    """Read a play as the trainer would and compare it with its gold file."""
    (source,) = reading.find_sources([text], lambda _: None)
    kinds = (EventKind.SPEECH, EventKind.EXPOSITION, EventKind.HEADING)
    events = [event for event in events_of(source, None)[2] if event.kind in kinds]
    title, places = read_gold(gold)
    result = Score(title)
    misses: list[str] = []
    for place in places:
        read = [
            _item_of(event)
            for event in events
            if place.first <= event.line <= place.last and not any(event.line in lines for lines in place.unscored)
        ]
        _compare(place, [item for item in read if item.words], result, misses)
    result.misses = tuple(misses)
    return result


def read_gold(path: Path) -> tuple[str, list[Place]]:
    """The title and the places that a gold file notes."""
    title, *lines = path.read_text("utf-8").splitlines()
    places: list[Place] = []
    for line in lines:
        first, *rest = line.split("\t")
        if first == "@":
            places.append(Place(int(rest[0]), int(rest[1]), (), ()))
            continue
        place = places.pop()
        who, words, *inside = rest
        number = int(first)
        open_ended = place.unscored and place.unscored[-1].stop > place.last
        unscored = (*place.unscored[:-1], range(place.unscored[-1].start, number)) if open_ended else place.unscored
        if who == "?":
            places.append(Place(place.first, place.last, place.items, (*unscored, range(number, place.last + 1))))
        else:
            item = Item(number, "" if who in _APART else who, words, tuple(group.strip("[]") for group in inside))
            places.append(Place(place.first, place.last, (*place.items, item), unscored))
    return title.lstrip("# ").partition(" (")[0], places


def words_of(text: str) -> list[str]:
    """Words of a text without case, punctuation and numbers."""
    return re.findall(r"[^\W\d_]+", text.lower().replace("'", "").replace("’", ""))


def name_of(speaker: str) -> str:
    """A speaker's name without case and punctuation."""
    return "_".join(words_of(speaker.replace("_", " "))).upper()


def shown(words: list[str]) -> str:
    """The first and last words of a text, all of them if it is short."""
    return " ".join(words if len(words) <= 2 * _SHOWN else [*words[:_SHOWN], "…", *words[-_SHOWN:]])


def groups(text: str) -> Iterator[str]:
    """Return the text in brackets; a bracket that is never closed extends to the end."""
    depth, begin = 0, 0
    for index, mark in enumerate(text + ")" * (text.count("[") + text.count("("))):
        if mark in "[(":
            depth += 1
            begin = index + 1 if depth == 1 else begin
        elif mark in "])" and depth:
            depth -= 1
            if depth == 0:
                yield text[begin:index]


def _item_of(event: Event) -> Item:
    speaks = event.kind is EventKind.SPEECH
    inside = tuple(shown(words_of(group)) for group in groups(event.text) if words_of(group)) if speaks else ()
    return Item(event.line, name_of(event.speaker) if speaks else "", shown(words_of(event.text)), inside)


def _compare(place: Place, read: list[Item], result: Score, misses: list[str]) -> None:
    gold = [item for item in place.items if item.words]
    result.utterances += sum(1 for item in gold if item.who)
    result.expositions += sum(1 for item in gold if not item.who)
    result.expositions_read += sum(1 for item in read if not item.who)
    result.inside += sum(len(item.inside) for item in gold)
    result.inside_read += sum(len(item.inside) for item in read)
    matcher = difflib.SequenceMatcher(None, [item.words for item in gold], [item.words for item in read], False)
    matched: set[int] = set()
    for block in matcher.get_matching_blocks():
        for index in range(block.size):
            expected, found = gold[block.a + index], read[block.b + index]
            result.inside_right += len(expected.inside) - len(_missing(expected.inside, found.inside))
            if name_of(expected.who) == name_of(found.who):
                matched.add(block.a + index)
                result.right += bool(expected.who)
                result.expositions_right += not expected.who
            else:
                misses.append(
                    f"{expected.line}: {expected.who or 'apart'}, read as {found.who or 'apart'}: {expected.words}"
                )
    aligned = {block.a + index for block in matcher.get_matching_blocks() for index in range(block.size)}
    found_at = {block.b + index for block in matcher.get_matching_blocks() for index in range(block.size)}
    misses += [
        f"{gold[i].line}: not read: {gold[i].who or 'apart'}: {gold[i].words}"
        for i in range(len(gold))
        if i not in aligned
    ]
    misses += [
        f"{read[i].line}: read too much: {read[i].who or 'apart'}: {read[i].words}"
        for i in range(len(read))
        if i not in found_at
    ]


def _missing(expected: Iterable[str], found: Iterable[str]) -> list[str]:
    left = list(found)
    absent = []
    for group in expected:
        if group in left:
            left.remove(group)
        else:
            absent.append(group)
    return absent


def _f1(right: int, expected: int, found: int) -> float:
    return 2 * right / (expected + found) if expected + found else 1.0


if __name__ == "__main__":
    sys.exit(main())
