"""The termination message of a pod: one line in a file that Kubernetes shows as the cause of its end."""

import contextlib
import os
from pathlib import Path

_VARIABLE, _USUAL = "SCRIPTMODEL_TERMINATION_LOG", "/dev/termination-log"


def leave_messages() -> None:
    """Let this process and those that it starts leave the line of an error that ends a command."""
    os.environ.setdefault(_VARIABLE, _USUAL)


def leave_message(line: str) -> None:
    """Write the message, in a process of a job."""
    if path := os.environ.get(_VARIABLE):
        with contextlib.suppress(OSError):  # outside of a pod; the log has the line, too
            Path(path).write_text(f"{line}\n", "utf-8", errors="replace")
