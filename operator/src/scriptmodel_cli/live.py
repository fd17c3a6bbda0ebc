"""Shows a changing view: redrawn in place on a terminal, one line per change elsewhere."""

import os
import shutil
import sys
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from itertools import accumulate

import click

from scriptmodel_cli.output import draw, escaped, note, say


class Live:
    """A live view that is given a screen and a one-line form of each moment."""

    def __init__(self, *, err: bool = False) -> None:
        """Show on stdout; with `err` on stderr, for what is not the command's result."""
        self._err = err
        self.redraws = (sys.stderr if err else sys.stdout).isatty()
        self._drawn = 0
        self._line = ""

    def show(self, screen: Sequence[str], line: str, moment: datetime) -> None:
        if not self.redraws:
            if line != self._line:
                row = f"{moment.astimezone():%H:%M:%S}  {line}"
                note(row) if self._err else say([row])
            self._line = line
            return
        width, height = self._size()
        # A line that wraps or a screen that scrolls cannot be overwritten.
        shown = [_cut(escaped(each), width) for each in screen[: height - 1]]
        draw(shown, over=self._drawn, err=self._err)
        self._drawn = len(shown)

    def _size(self) -> tuple[int, int]:
        """Return columns and lines of the terminal that is drawn on; standard output may be a file."""
        with suppress(OSError, ValueError):
            columns, lines = os.get_terminal_size((sys.stderr if self._err else sys.stdout).fileno())
            if columns and lines:  # a terminal without a window has none
                return columns, lines
        return shutil.get_terminal_size()

    def note(self, text: str) -> None:
        note(text)
        self._drawn = 0


def _cut(line: str, width: int) -> str:
    """Cut a line to the columns of a terminal, of which characters of East Asian scripts take two."""
    bare = click.unstyle(line)
    ends = list(accumulate(2 if unicodedata.east_asian_width(char) in "FW" else 1 for char in bare))
    if not ends or ends[-1] <= width:
        return line
    return bare[: bisect_right(ends, width - 1)] + "…"
