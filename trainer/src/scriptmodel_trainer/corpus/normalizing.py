"""Writes scripts as a file in the layout `normalized`, or each of their lines beside what it was taken for."""

import contextlib
import operator
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

from scriptmodel_trainer.corpus import reading, tally
from scriptmodel_trainer.corpus.layouts import Layout
from scriptmodel_trainer.corpus.layouts.paragraphs import short_lines
from scriptmodel_trainer.corpus.reading import Source
from scriptmodel_trainer.corpus.stream import events_of, is_worded, tokens_of
from scriptmodel_trainer.storage.controls import without_controls
from scriptmodel_trainer.storage.files import atomic_writer


def write_normalized(
    sources: Sequence[Source], layout: Layout | None, out: Path | None, *, counted: bool = False
) -> dict[str, Any]:
    """Write one event a line to `out` (stdout if None); returns statistics per file.

    If it is only `counted`, nothing goes to stdout. Raises BadInputError if there are no words at all, WriteError if
    `out` cannot be written.
    """
    tallies, worded = [], False
    with _opened(Path(os.devnull) if counted else out, safely=not counted) as file:
        for source in sources:
            with reading.naming(source):
                found, events = tokens_of(source, layout)
                tallies.append(found)
                for tokens in (tokens for _, tokens in events if tokens):
                    worded = worded or is_worded(tokens)
                    file.write(" ".join(["", *tokens]).encode("utf-8", errors="replace") + b"\n")
        if not worded:
            raise tally.nothing_found(tallies, requested=layout is not None)
    return {
        "schema": 1,
        "files": [found.summary() for found in tallies],
        "understood": round(tally.share_understood(tallies), 5),
        "doubt": tally.doubt(tallies),
    }


def write_explained(sources: Sequence[Source], layout: Layout | None, out: Path | None) -> None:
    """Write each line of the sources with its number, label and rule to `out` (stdout if None).

    Raises WriteError if `out` cannot be written.
    """
    with _opened(out) as file:
        for source in sources:
            file.writelines(f"{line}\n".encode(errors="replace") for line in explained(source, layout))


def explained(source: Source, layout: Layout | None) -> Iterator[str]:
    """Yield a line that names the file and its layout, then the lines of the file beside what became of them."""
    with reading.naming(source):
        chosen, _, events = events_of(source, layout)
        decisions = [(line, event.kind.value, rule) for event in events for line, rule in event.why]
    decisions.sort(key=operator.itemgetter(0))  # those of one line stay in order: the last one holds
    yield f"{without_controls(source.name)} ({chosen.name})"
    label = rule = ""
    following = 0
    for number, line in enumerate(short_lines(reading.read_lines(source)), 1):
        while following < len(decisions) and decisions[following][0] <= number:
            _, label, rule = decisions[following]
            following += 1
        shown = (label, rule) if line.strip() else ("", "")
        yield f"{number:>6}  {shown[0]:<10}  {shown[1]:<24}  {without_controls(line)}".rstrip()


def _opened(out: Path | None, *, safely: bool = True) -> AbstractContextManager[BinaryIO]:
    """Return what a file is written to: whole or not at all, if `safely`; stdout without one."""
    if out is None:
        return contextlib.nullcontext(sys.stdout.buffer)
    return atomic_writer(out) if safely else out.open("wb")
