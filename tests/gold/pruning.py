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
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import difference
import measure

from scriptmodel_trainer.corpus import layouts, reading
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


def counted(text: str) -> Counter[str]:
    """Count what each entry decides in a text: lines for a rule, decisions for a test."""
    counts: Counter[str] = Counter()
    with contextlib.ExitStack() as stack:
        for name, entry in entries().items():
            if isinstance(entry, rules.Test):
                new: _Entry = dataclasses.replace(entry, verdict=partial(_verdict, counts, name, entry))
            else:
                new = dataclasses.replace(entry, name=name)
            stack.enter_context(replaced(entry, (new,)))
        counts.update(_lines(text))
    return counts


def _verdict(counts: Counter[str], name: str, test: rules.Test[Any], place: Any) -> bool | None:
    verdict = test.verdict(place)
    counts[name] += verdict is not None
    return verdict


def _lines(text: str) -> Iterator[str]:
    """Yield the name of the rule that decides each line that is not blank."""
    for source in reading.find_sources([Path(text)], lambda _: None):
        sample = reading.sample_lines(source)
        chosen = layouts.detect(sample)[0]
        found: list[rules.Decision] = []
        for _ in chosen.parse(reading.read_lines(source), sample, found.append):
            pass
        at = {decision.line: decision.rule for decision in sorted(found, key=lambda decision: decision.line)}
        counts: Counter[str] = Counter()
        rule = ""
        for number, line in enumerate(reading.read_lines(source), 1):
            rule = at.get(number, rule)
            counts[rule] += bool(line.strip())
        yield from counts.elements()
        yield from {
            decision.rule for decision in found if not counts[decision.rule]
        }  # of parts of lines, of blank ones


def digests(text: str) -> str:
    """Return the digest of the label stream of a text."""
    return str(difference.fingerprint(difference.Reading(text, "auto"))["sha256"])


def changed(name: str, before: str, text: str) -> int:
    """Return how many lines of a text change without an entry; -1 if a table needs it."""
    entry = entries()[name]
    try:
        with replaced(entry, ()):
            if digests(text) == before:
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
    found = reading.find_sources([options.texts], lambda _: None)
    texts = [str(source.path.resolve()) for source in found]
    pairs = [(str(text), str(gold)) for text, gold in measure.synthetic_pairs()]
    with multiprocessing.Pool(options.jobs) as pool:
        counts: Counter[str] = sum(pool.map(counted, texts, chunksize=4), Counter())
        total = sum(count for name, count in counts.items() if isinstance(entries().get(name, 0), rules.Rule | int))
        print(f"{len(texts):,} texts, {total:,} lines\n")
        print("| rule | decides | lines changed without it | texts | notes |\n|---|---|---|---|---|", flush=True)
        rare = [name for name in entries() if counts[name] < FEWEST * total]
        before = pool.map(digests, texts, chunksize=4) if rare else []
        for name in sorted(entries(), key=lambda name: counts[name]):
            if name not in rare:
                print(f"| {name} | {counts[name]:,} | | | |", flush=True)
                continue
            if not counts[name]:
                print(f"| {name} | 0 | 0 | 0 | |", flush=True)  # the first that applies decides: nothing can change
                continue
            lines = pool.starmap(changed, [(name, *each) for each in zip(before, texts, strict=True)], chunksize=4)
            rows = (
                (sum(lines), sum(map(bool, lines)), notes_changed(name, pairs))
                if min(lines) >= 0
                else ("needed", "", "")
            )
            print(f"| {name} | {counts[name]:,} | {rows[0]} | {rows[1]} | {rows[2]} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
