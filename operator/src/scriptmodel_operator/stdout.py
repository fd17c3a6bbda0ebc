"""Reports a standard output that cannot be written to."""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

import click

_WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class WriteReportingGroup(click.Group):
    """A group of commands that reports a failed write in one line; click does so for a closed pipe only."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the program. Exits with 1 if standard output, or a file without a name in the error, is full."""
        try:
            return super().main(*args, **extra)
        except OSError as error:
            if error.errno not in _WRITE_ERRORS:
                raise
            # What Python still holds goes nowhere, so that its own flush at exit does not fail too.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            click.echo(f"Error: write error: {error.strerror}", err=True)
            sys.exit(1)
