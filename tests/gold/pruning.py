"""How many lines each rule of the layouts decides, and what changes without those that decide few.

    python tests/gold/pruning.py --texts DIR [--jobs 2]

Reads all texts once and counts the lines that each rule decides; tests of where plays begin and end are counted by how
often they decide. A rule that decides less than one line in ten thousand is then left out, one at a time: the table
says how many lines of the label stream (`difference.py`) change, in how many texts, and how many notes are met
otherwise. The first rule that applies decides, so one that never decides changes nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import difference
import measure

from scriptmodel_trainer.corpus import reading
from scriptmodel_trainer.corpus.layouts import closing, decisions, fountain, markdown, opening, rules, unnamed

MODULES: tuple[ModuleType, ...] = (unnamed, decisions, closing, opening, fountain, markdown)
FEWEST = 1e-4  # of all lines
_Entry = rules.Rule[Any] | rules.Test[Any]


def tables(module: ModuleType) -> dict[str, tuple[_Entry, ...]]:
    """Return the tables of a module by their names."""
    found = {name: value for name, value in vars(module).items() if name.isupper() and isinstance(value, tuple)}
    return {name: table for name, table in found.items() if table and isinstance(table[0], rules.Rule | rules.Test)}


def entries() -> dict[str, _Entry]:
    """Return all rules and tests by module and name."""
    found: dict[str, _Entry] = {}
    for module in MODULES:
        for table in tables(module).values():
            for entry in table:
                if all(entry is not other for other in found.values()):
                    found[f"{module.__name__.rpartition('.')[2]}.{entry.name}"] = entry
    return found


@contextlib.contextmanager
def replaced(old: _Entry, new: tuple[_Entry, ...]) -> Iterator[None]:
    """Let every table hold `new` in place of an entry."""
    kept = [(module, name, table) for module in MODULES for name, table in tables(module).items()]
    for module, name, table in kept:
        setattr(module, name, tuple(one for each in table for one in (new if each is old else (each,))))
    try:
        yield
    finally:
        for module, name, table in kept:
            setattr(module, name, table)


@dataclass(frozen=True, slots=True)
class Counted:
    """A text, the digest of its label stream, and what each entry decides: lines for a rule, decisions for a test."""

    text: str
    digest: str
    counts: Counter[str]


def counted(text: str) -> Counted:
    """Read a text and count."""
    counts: Counter[str] = Counter()
    with contextlib.ExitStack() as stack:
        for name, entry in entries().items():
            if isinstance(entry, rules.Test):
                new: _Entry = dataclasses.replace(entry, verdict=partial(_verdict, counts, name, entry))
            else:
                new = dataclasses.replace(entry, name=name)
            stack.enter_context(replaced(entry, (new,)))
        found: list[rules.Decision] = []
        digest = difference.fingerprint(difference.Reading(text, "auto"), found.append)["sha256"]
    counts.update(_lines(text, found))
    counts["decisions.name"] += counts.pop("name", 0)  # of names within a paragraph
    return Counted(text, str(digest), counts)


def _verdict(counts: Counter[str], name: str, test: rules.Test[Any], place: Any) -> bool | None:
    verdict = test.verdict(place)
    counts[name] += verdict is not None
    return verdict


def _lines(text: str, found: list[rules.Decision]) -> Counter[str]:
    """Count the lines of a text that each rule decides; 1 for a rule of parts of lines or of blank ones."""
    at = {decision.line: decision.rule for decision in sorted(found, key=lambda decision: decision.line)}
    counts = Counter({decision.rule: 0 for decision in found})
    rule = ""
    for source in reading.find_sources([Path(text)], lambda _: None):
        for number, line in enumerate(reading.read_lines(source), 1):
            rule = at.get(number, rule)
            counts[rule] += bool(line.strip())
    return Counter({name: max(1, count) for name, count in counts.items()})


def changed(name: str, before: str, text: str) -> int:
    """Return how many lines of a text change without an entry; -1 if a table needs it."""
    entry = entries()[name]
    try:
        with replaced(entry, ()):
            if difference.fingerprint(difference.Reading(text, "auto"))["sha256"] == before:
                return 0
            without = Counter(difference.labels(Path(text), "auto"))
    except LookupError:
        return -1
    streams = Counter(difference.labels(Path(text), "auto"))
    return max((streams - without).total(), (without - streams).total())


def notes_changed(name: str, pairs: list[tuple[str, str]]) -> int:
    """Return how many notes are met otherwise without an entry."""
    with replaced(entries()[name], ()):
        without = [set(difference.misses(pair)["misses"]) for pair in pairs]
    return sum(len(set(difference.misses(pair)["misses"]) ^ found) for pair, found in zip(pairs, without, strict=True))


def main() -> int:
    """Print a row for each rule."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, required=True, help="folder of texts to read")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes [default: one for each processor]")
    options = parser.parse_args()
    texts = [str(source.path.resolve()) for source in reading.find_sources([options.texts], lambda _: None)]
    with multiprocessing.Pool(options.jobs) as pool:
        report(pool.map(counted, texts, chunksize=4))
    return 0


def report(texts: Sequence[Counted]) -> None:
    """Print a row for each entry; those that decide few lines are left out in the texts in which they decide any."""
    pairs = [(str(text), str(gold)) for text, gold in measure.synthetic_pairs()]
    counts: Counter[str] = sum((each.counts for each in texts), Counter())
    total = sum(count for name, count in counts.items() if not isinstance(entries().get(name), rules.Test))
    print(f"{len(texts):,} texts, {total:,} lines\n")
    print("| rule | decides | lines changed without it | texts | notes |\n|---|---|---|---|---|", flush=True)
    for name in sorted(entries(), key=lambda name: counts[name]):
        if counts[name] >= FEWEST * total:
            print(f"| {name} | {counts[name]:,} | | | |")
            continue
        lines = [changed(name, each.digest, each.text) for each in texts if each.counts[name]]
        if min(lines, default=0) < 0:
            print(f"| {name} | {counts[name]:,} | needed | | |")
            continue
        notes = notes_changed(name, pairs) if lines else 0
        print(f"| {name} | {counts[name]:,} | {sum(lines)} | {sum(map(bool, lines))} | {notes} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
