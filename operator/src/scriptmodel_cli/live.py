"""Shows a state that changes: one line that is drawn anew on a terminal, one line per change elsewhere."""

import shutil
import sys
from datetime import datetime

import click

from scriptmodel_cli.output import draw, escaped, note, say


class Live:
    """A live view that is given a line for each moment; with `err` on stderr, for what is not the command's result."""

    def __init__(self, *, err: bool = False) -> None:
        self._err = err
        self.redraws = (sys.stderr if err else sys.stdout).isatty()
        self._line = ""

    def show(self, line: str, moment: datetime) -> None:
        if line == self._line:
            return
        row = f"{moment.astimezone():%H:%M:%S}  {line}"
        if self.redraws:  # a line that wraps cannot be overwritten
            width = shutil.get_terminal_size().columns - 1
            draw(row if len(click.unstyle(row)) <= width else click.unstyle(escaped(row))[:width], err=self._err)
        elif self._err:
            note(row)
        else:
            say([row])
        self._line = line

    def note(self, text: str) -> None:
        self.end()
        note(text)

    def end(self) -> None:
        """Leave the line as it is: what follows is below it."""
        if self.redraws and self._line:
            say([""]) if not self._err else note("")
        self._line = ""
