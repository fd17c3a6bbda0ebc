"""The process of a job's command: starting it, reading its output, killing it."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress

from localpach.run.isolation import Command, Isolation, arguments, variables

MAX_LINE = 1024 * 1024
OUTPUT_SECONDS = 1.0
"""How long the output of a command that has ended is read, which another process may hold open."""


class Process:
    """A running command. ``on_line`` is called with each line of output, ``on_end`` once after its end."""

    def __init__(
        self, command: Command, isolation: Isolation, on_line: Callable[[str], None], on_end: Callable[[], None]
    ) -> None:
        self._on_line = on_line
        self._on_end = on_end
        self.status: int | None = None
        """The exit status as a shell gives it, None while the command runs."""
        self._process = subprocess.Popen(
            arguments(command, isolation),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=variables(command, isolation),
            cwd="/",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._waiter = threading.Thread(target=self._await_end, daemon=True)
        self._reader.start()
        self._waiter.start()

    def kill(self) -> None:
        """Kill the command and all processes of its namespace, or of its group, and wait until they have ended."""
        self._kill_group()
        self._waiter.join()

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _await_end(self) -> None:
        status = self._process.wait()
        self._kill_group()
        self._reader.join(OUTPUT_SECONDS)
        self.status = status if status >= 0 else 128 - status
        self._on_end()

    def _read(self) -> None:
        output = self._process.stdout
        assert output is not None  # noqa: S101  # requested above
        with output:
            while line := output.readline(MAX_LINE):
                self._on_line(line.rstrip(b"\n").decode(errors="replace"))
