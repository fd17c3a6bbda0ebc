"""The log of a pipeline version, in memory for as long as it has workers.

The real server reads logs from its pods. Therefore lines of the worker are between those of the user's command, and a
stopped, updated or deleted pipeline has no log.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localpach.messages import changed, now, pps

MOST_CHARACTERS = 32 * 1024 * 1024
"""The oldest lines of a log that is longer are dropped."""


class Log:
    """The lines of a pipeline version. ``closed`` ends the streams that follow it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._lines: deque[pps.LogMessage] = deque()
        self._characters = 0
        self._dropped = 0
        self._closed = False

    def write(self, line: pps.LogMessage) -> None:
        with self._changed:
            self._lines.append(line)
            self._characters += len(line.message)
            while self._characters > MOST_CHARACTERS:
                self._characters -= len(self._lines.popleft().message)
                self._dropped += 1
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def read(self, job: str, caller: Any = None) -> Iterator[pps.LogMessage]:
        """Yield the lines so far, of one job or of all; for a caller also later ones, until it or the log ends."""
        if caller is not None:
            caller.add_callback(self._wake)
        seen = -1
        while True:
            with self._changed:
                while caller and self._end == seen and not self._closed and caller.is_active():
                    self._changed.wait()
                lines = list(self._lines)[max(0, seen - self._dropped) :]
                ended, seen = caller is None or (self._end == seen), self._end
            yield from (line for line in lines if job in ("", line.job_id))
            if ended:
                return

    @property
    def _end(self) -> int:
        return self._dropped + len(self._lines)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class LogWriter:
    """Writes the log lines of one job, or of one datum of it. ``start`` has what they have in common."""

    log: Log
    start: pps.LogMessage

    def write(self, text: str, *, user: bool = False) -> None:
        """Write a line of the worker, or of the user's command."""
        self.log.write(changed(self.start, message=text, ts=now(), user=user))

    def user(self, text: str) -> None:
        self.write(text, user=True)

    def for_datum(self, datum: str, data: list[pps.InputFile]) -> LogWriter:
        return LogWriter(self.log, changed(self.start, datum_id=datum, data=data))
