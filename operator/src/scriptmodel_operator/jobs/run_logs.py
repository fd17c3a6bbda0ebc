"""The log of a job: of all its runs, of which several may be followed at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from scriptmodel_operator.engine.errors import EngineError, NotFoundError
from scriptmodel_operator.engine.gateway import LogStream
from scriptmodel_operator.engine.values import LogLine
from scriptmodel_operator.jobs.attempts import Attempts
from scriptmodel_operator.jobs.records import RunRecord

_End = EngineError | None


class RunLogs:
    """Implements `LogStream` over the attempts that exist now. Raises NotFoundError if none has a log."""

    def __init__(
        self, attempts: Attempts, namespace: str, runs: Sequence[RunRecord], what: str, *, follow: bool, seconds: float
    ) -> None:
        self._ended: list[LogStream] = []
        self._followed: list[LogStream] = []
        for run in runs:
            follows = follow and run.state.active
            try:
                stream = attempts.log(namespace, run.hash, run.attempt, follow=follows, seconds=seconds)
            except NotFoundError:
                continue  # it has not started, or its log is gone
            (self._followed if follows else self._ended).append(stream)
        if not (self._ended or self._followed):
            raise NotFoundError(what, "no run of it has a log")

    def __iter__(self) -> Iterator[LogLine]:
        for stream in self._ended:
            yield from stream
        yield from self._merged() if len(self._followed) > 1 else chain.from_iterable(self._followed)

    def cancel(self) -> None:
        for stream in (*self._ended, *self._followed):
            stream.cancel()

    def _merged(self) -> Iterator[LogLine]:
        """Yield the lines of all as they come, until one ends: another attempt may follow it, whose log is new."""
        lines: queue.SimpleQueue[LogLine | _End] = queue.SimpleQueue()
        for stream in self._followed:
            threading.Thread(target=_read, args=(stream, lines.put), name="log-run", daemon=True).start()
        try:
            while isinstance(line := lines.get(), LogLine):
                yield line
            if line is not None:
                raise line
        finally:
            self.cancel()


def _read(stream: LogStream, put: Callable[[LogLine | _End], None]) -> None:
    end: _End = None
    try:
        for line in stream:
            put(line)
    except EngineError as error:
        end = error
    finally:
        put(end)
