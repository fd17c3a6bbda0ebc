"""Shows which label each line of a script gets, and which rule gives it."""

import contextlib
import operator
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from scriptmodel_trainer.corpus import layouts, reading
from scriptmodel_trainer.corpus.layouts import Layout
from scriptmodel_trainer.corpus.layouts.paragraphs import short_lines
from scriptmodel_trainer.corpus.layouts.rules import Decision
from scriptmodel_trainer.corpus.reading import Source
from scriptmodel_trainer.storage.controls import without_controls
from scriptmodel_trainer.storage.files import atomic_writer

_line = operator.attrgetter("line")


def write_explained(sources: Sequence[Source], layout: Layout | None, out: Path | None) -> None:
    """Write each line of the sources with its number, label and rule to `out` (stdout if None).

    Raises WriteError if `out` cannot be written.
    """
    with contextlib.nullcontext(sys.stdout.buffer) if out is None else atomic_writer(out) as file:
        for source in sources:
            file.writelines(f"{line}\n".encode(errors="replace") for line in explained(source, layout))


def explained(source: Source, layout: Layout | None) -> Iterator[str]:
    """Yield a line that names the file and its layout, then the lines of the file beside what became of them."""
    decisions: list[Decision] = []
    with reading.naming(source):
        sample = reading.sample_lines(source)
        chosen, _ = layouts.detect(sample, layout)
        for _ in chosen.parse(chosen.read(source), sample, decisions.append):
            pass
    decisions.sort(key=_line)  # those of one line stay in order: the last one holds
    yield f"{without_controls(source.name)} ({chosen.name})"
    label = rule = ""
    following = 0
    for number, line in enumerate(short_lines(reading.read_lines(source)), 1):
        while following < len(decisions) and decisions[following].line <= number:
            label, rule = decisions[following].label, decisions[following].rule
            following += 1
        shown = (label, rule) if line.strip() else ("", "")
        yield f"{number:>6}  {shown[0]:<10}  {shown[1]:<24}  {without_controls(line)}".rstrip()
