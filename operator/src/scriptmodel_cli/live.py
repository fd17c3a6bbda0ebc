"""Shows a changing view: redrawn in place on a terminal, one line per change elsewhere."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from datetime import datetime

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
        """Redraw the screen on a terminal; print the line elsewhere if it has changed."""
        if not self.redraws:
            if line != self._line:
                row = f"{moment.astimezone():%H:%M:%S}  {line}"
                note(row) if self._err else say([row])
            self._line = line
            return
        width, height = shutil.get_terminal_size()
        # A line that wraps or a screen that scrolls cannot be overwritten.
        shown = [_cut(escaped(each), width) for each in screen[: height - 1]]
        draw(shown, over=self._drawn, err=self._err)
        self._drawn = len(shown)

    def note(self, text: str) -> None:
        """Print a line on stderr, which stays above what is drawn next."""
        note(text)
        self._drawn = 0


def _cut(line: str, width: int) -> str:
    bare = click.unstyle(line)
    return line if len(bare) <= width else bare[: width - 1] + "…"
