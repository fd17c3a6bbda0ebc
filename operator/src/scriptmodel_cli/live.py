"""A view that changes: redrawn in place on a terminal, a line for each change elsewhere."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from datetime import datetime

import click

_UP = "\x1b[{}F"
_CLEAR_BELOW = "\x1b[J"


class Live:
    """Give it the screen and the line of each moment."""

    def __init__(self, *, err: bool = False) -> None:
        """On stdout; with `err` on stderr, for what is not the command's result."""
        self._err = err
        self.redraws = (sys.stderr if err else sys.stdout).isatty()
        self._drawn = 0
        self._line = ""

    def show(self, screen: Sequence[str], line: str, moment: datetime) -> None:
        if not self.redraws:
            if line != self._line:
                click.echo(f"{moment.astimezone():%H:%M:%S}  {line}", err=self._err)
            self._line = line
            return
        width, height = shutil.get_terminal_size()
        # A line that wraps, or a screen that scrolls, could not be drawn over.
        shown = [_cut(each, width) for each in screen[: height - 1]]
        up = _UP.format(self._drawn) if self._drawn else ""
        click.echo(f"{up}{_CLEAR_BELOW}" + "\n".join(shown), err=self._err)
        self._drawn = len(shown)

    def note(self, text: str) -> None:
        """A line on stderr, which stays above what is drawn next."""
        click.echo(text, err=True)
        self._drawn = 0


def _cut(line: str, width: int) -> str:
    bare = click.unstyle(line)
    return line if len(bare) <= width else bare[: width - 1] + "…"
