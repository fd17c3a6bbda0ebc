"""A table of the statistics of `normalize` for each file, for a terminal or a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_HEAD = ("FILE", "LAYOUT", "LINES", "SPEAKERS", "UTTERANCES", "DIRECTIONS", "DROPPED", "UNDERSTOOD")
_WIDEST = 48  # characters of a file's name; a longer one keeps its end


def table(files: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines of a table with a row a file, given the statistics of `normalize`."""
    rows = [_HEAD, *map(_row, files)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = []
    for row in rows:
        name, layout, *figures = (
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join((name, layout, *figures)).rstrip())
    return lines


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
