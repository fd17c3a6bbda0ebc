"""Shows `kubectl get scriptmodels` as one aligned table that grows at milestones only."""

import re
import shutil
import sys
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

LEFT_OUT = ("MODEL", "MESSAGE")
"""Columns of `kubectl get -o wide` that are too wide for a terminal."""


def milestone(found: dict[str, Any]) -> tuple[object, ...]:
    """Return what is worth a row of its own in a ScriptModel: the stage, the epoch in tenths, validation and test."""
    status = found.get("status", {})
    training = status.get("training", {})
    perplexity = training.get("perplexity", {})
    ready = ready_condition(found)
    return (
        ready.get("status"),
        ready.get("reason"),
        training.get("epochProgress"),
        _tenths(training),
        perplexity.get("valid"),
        perplexity.get("test"),
    )


def ready_condition(found: dict[str, Any], kind: str = "Ready") -> dict[str, str]:
    """Return a condition of a ScriptModel; empty without it."""
    conditions: list[dict[str, str]] = found.get("status", {}).get("conditions", [])
    return next((each for each in conditions if each["type"] == kind), {})


def progress(found: dict[str, Any]) -> str:
    """Return how much of the training is done, such as 43%; empty before it starts."""
    percent = found.get("status", {}).get("training", {}).get("progressPercent")
    return "" if percent is None else f"{percent}%"


def _tenths(training: dict[str, Any]) -> int:
    """Return the tenths of an epoch that are done, over all epochs."""
    epochs = int(training.get("epochProgress", "1/1").partition("/")[2])
    return int(training.get("progressPercent", 0)) * epochs // 10


@dataclass
class Table:
    """Rows of what `kubectl get -o wide` prints of one object, in columns that stay aligned."""

    widths: dict[str, int]
    cells: dict[str, str] = field(default_factory=dict)
    """The values of the newest row, by column."""

    def rows(self, printed: str, progress: str) -> list[str]:
        """Return the row with the progress in a last column; the header before it at the first call."""
        header, row = printed.splitlines()[:2]
        columns = [(found[0], found.start()) for found in re.finditer(r"\S+(?: \S+)*", header)]
        bounds = [*(start for _, start in columns), len(row) + 1]
        spans = zip(columns, pairwise(bounds), strict=True)
        cells = {name: row[start:end].strip() for (name, _), (start, end) in spans if name not in LEFT_OUT}
        cells["PROGRESS"] = progress
        for name, cell in cells.items():
            self.widths[name] = max(self.widths.get(name, 0), len(name), len(cell))
        lines = [list(cells.values())] if self.cells else [list(cells), list(cells.values())]
        self.cells = cells
        widths = [self.widths[name] for name in cells]
        return ["   ".join(map(str.ljust, line, widths)).rstrip() for line in lines]


@dataclass
class Display:
    """Prints a row at each milestone; on a terminal the newest row besides, redrawn in place."""

    table: Table = field(default_factory=lambda: Table({"STATUS": len("WaitingForWorker")}))
    terminal: bool = field(default_factory=sys.stdout.isatty)
    _reached: tuple[object, ...] | None = None
    _kept: dict[str, str] = field(default_factory=dict)

    def wants(self, found: dict[str, Any]) -> bool:
        """Return whether `show` would print anything of this ScriptModel."""
        return bool(ready_condition(found)) and (self.terminal or milestone(found) != self._reached)

    def show(self, found: dict[str, Any], printed: str) -> None:
        """Print what is new of a ScriptModel, of which kubectl `printed` a row a moment later."""
        rows = self.table.rows(printed, progress(found))
        shown = self.table.cells | {"AGE": ""}
        is_new = milestone(found) != self._reached and shown != self._kept
        self._reached = milestone(found)
        self.clear()
        if is_new:
            self._kept = shown
            print("".join(f"    {row}\n" for row in rows), end="", flush=True)
        elif self.terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"    {rows[-1]}"[:width], end="", flush=True)

    def clear(self) -> None:
        """Remove the row that is redrawn in place."""
        if self.terminal:
            print("\r\033[K", end="", flush=True)
