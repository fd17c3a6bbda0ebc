"""The log of a pipeline version, in memory for as long as it has workers.

The real server reads logs from its pods. Therefore lines of the worker are between those of the user's command, `tail`
counts both, and a stopped, updated or deleted pipeline has no log.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from localpach.messages import pps, timestamp
from localpach.model import Caller
from localpach.refs import JobRef, PipelineRef

MOST_CHARACTERS = 32 * 1024 * 1024
"""The oldest lines of a log that is longer are dropped."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line. ``time`` is in nanoseconds since the epoch; ``data`` has the path and hash of each input of the datum."""

    job: JobRef
    worker: str
    text: str = ""
    user: bool = False
    time: int = 0
    datum: str = ""
    data: tuple[tuple[str, str], ...] = ()

    def message(self) -> pps.LogMessage:
        found = pps.LogMessage(
            project_name=self.job.pipeline.project,
            pipeline_name=self.job.pipeline.name,
            job_id=self.job.id,
            worker_id=self.worker,
            datum_id=self.datum,
            user=self.user,
            message=self.text,
            ts=timestamp(self.time),
        )
        for path, digest in self.data:
            found.data.add(path=path, hash=bytes.fromhex(digest))
        return found


@dataclass(frozen=True, slots=True)
class LogFilter:
    """A filter of log lines. ``since`` is in nanoseconds since the epoch."""

    pipeline: PipelineRef | None = None
    job: JobRef | None = None
    datum: str = ""
    tail: int = 0
    since: int = 0

    def accepts(self, line: Line) -> bool:
        return (
            self.pipeline in (None, line.job.pipeline)
            and self.job in (None, line.job)
            and self.datum in ("", line.datum)
            and line.time >= self.since
        )


class Log:
    """The lines of a pipeline version. ``closed`` ends the streams that follow it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._lines: deque[Line] = deque()
        self._characters = 0
        self._dropped = 0
        self._closed = False

    def write(self, line: Line) -> None:
        with self._changed:
            self._lines.append(line)
            self._characters += len(line.text)
            while self._characters > MOST_CHARACTERS:
                self._characters -= len(self._lines.popleft().text)
                self._dropped += 1
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def read(self, chosen: LogFilter, caller: Caller | None = None) -> Iterator[pps.LogMessage]:
        """Yield the lines written so far that pass a filter; for a caller also later ones, until one of both ends."""
        with self._changed:
            lines = list(self._lines)
            seen = self._dropped + len(lines)
        if caller is not None:
            caller.add_callback(self._wake)
        lines = lines[-chosen.tail :] if chosen.tail > 0 else lines
        while True:
            yield from (line.message() for line in lines if chosen.accepts(line))
            if caller is None:
                return
            with self._changed:
                while self._dropped + len(self._lines) == seen and not self._closed and caller.is_active():
                    self._changed.wait()
                lines = list(self._lines)[max(0, seen - self._dropped) :]
                seen = self._dropped + len(self._lines)
                if not lines:
                    return

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class LogWriter:
    """Writes the log lines of one job, or of one datum of it. ``start`` has what they have in common."""

    log: Log
    start: Line

    def system(self, text: str) -> None:
        self.log.write(replace(self.start, text=text, time=time.time_ns()))

    def user(self, text: str) -> None:
        self.log.write(replace(self.start, text=text, time=time.time_ns(), user=True))

    def for_datum(self, datum: str, data: tuple[tuple[str, str], ...]) -> LogWriter:
        return LogWriter(self.log, replace(self.start, datum=datum, data=data))
