"""The normalize command: scripts as the token stream that training reads."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scriptmodel_trainer.artifacts import model_directory
from scriptmodel_trainer.corpus import layouts, normalizing, reading
from scriptmodel_trainer.errors import BadInputError, printable
from scriptmodel_trainer.progress.events import Warned
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.storage.files import json_bytes, require_file, write_file

_HEAD = ("FILE", "LAYOUT", "LINES", "SPEAKERS", "UTTERANCES", "DIRECTIONS", "DROPPED", "UNDERSTOOD")
_WIDEST = 48  # characters of a file's name; a longer one keeps its end


def normalize(
    data: Sequence[Path], out: Path | None, layout: str, stats: Path | None, explain: bool, progress: Progress
) -> None:
    """Write the token stream of scripts, one event a line; or each line with its label and rule, to `explain` it."""
    if explain and stats is not None:
        raise BadInputError("--explain writes no statistics", "leave out --stats or --explain")
    chosen = layouts.layout_named(layout)
    _check(out, stats)
    sources = reading.find_sources(data, progress.note)
    for written in filter(None, (out, stats)):
        if written.exists() and any(written.samefile(source.path) for source in sources):
            raise BadInputError(f"{written} is one of the scripts and would be overwritten", "name another file")
    if explain:
        normalizing.write_explained(sources, chosen, out)
        return
    watched = out is None and sys.stdout.isatty()  # thousands of lines would hide the table
    report = normalizing.write_normalized(sources, chosen, out, counted=watched)
    if stats is not None:
        write_file(stats, json_bytes(report))
    if report["doubt"]:
        progress.report(Warned("not_scripts", report["doubt"]))
    if out is not None or sys.stderr.isatty():  # the table would be lost in a pipe
        print(printable("\n".join(_table(report["files"]))), file=sys.stderr if out is None else sys.stdout, flush=True)
    elif out is None:
        progress.note("this is the stream that training reads; --out FILE stores it and prints a table of the files")
    if watched:
        progress.note("--out FILE, or a pipe, has the stream itself; --explain shows what each line was taken for")


def _check(out: Path | None, stats: Path | None) -> None:
    """Check that tokens and statistics can be stored, and replace neither each other nor a file of a model."""
    if stats is not None:
        require_file(stats)
        model_directory.protect(stats, option="--stats")
    if out is None:
        return
    model_directory.protect(out)
    if stats is not None and os.path.realpath(out) == os.path.realpath(stats):
        raise BadInputError(f"{stats} is the name of the tokens and of the statistics", "give another name")


def _table(files: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines of a table with a row a file, given the statistics of `normalize`."""
    rows = [_HEAD, *map(_row, files)]
    name, layout, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    line = "  ".join([f"{{:<{name}}}", f"{{:<{layout}}}", *(f"{{:>{width}}}" for width in others)])
    return [line.format(*row).rstrip() for row in rows]


def _row(file: Mapping[str, Any]) -> tuple[str, ...]:
    name = " ".join(str(file["file"]).split())
    shown = name if len(name) <= _WIDEST else f"...{name[3 - _WIDEST :]}"
    counts = (file["lines"], len(file["speakers"]), file["speeches"], file["expositions"])
    return (
        shown,
        file["layout"],
        *(f"{count:,}" for count in counts),
        *(f"{file[key]:.0%}" for key in ("dropped", "understood")),
    )
