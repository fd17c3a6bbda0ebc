"""The log of a job: of all its runs, of which several may be followed at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence

from scriptmodel_operator.engine.errors import EngineError, NotFoundError
from scriptmodel_operator.engine.gateway import LogStream
from scriptmodel_operator.engine.values import LogLine
from scriptmodel_operator.jobs.attempts import Attempts

_End = EngineError | None


class RunLogs:
    """Implements `LogStream` over the attempts that exist now. Raises NotFoundError if none has a log."""

    def __init__(
        self,
        attempts: Attempts,
        namespace: str,
        runs: Sequence[tuple[str, int]],
        what: str,
        *,
        follow: bool,
        seconds: float,
    ) -> None:
        """`runs` are the hashes of the runs and the numbers of the attempts."""
        self._streams: list[LogStream] = []
        self._follow = follow
        for run_hash, number in runs:
            try:
                stream = attempts.log(namespace, run_hash, number, follow=follow, seconds=seconds)
            except NotFoundError:
                continue  # it has not started, or its log is gone
            self._streams.append(stream)
        if not self._streams:
            raise NotFoundError(what, "no run of it has a log")

    def __iter__(self) -> Iterator[LogLine]:
        if self._follow and len(self._streams) > 1:
            yield from self._merged()
            return
        for stream in self._streams:
            yield from stream

    def cancel(self) -> None:
        for stream in self._streams:
            stream.cancel()

    def _merged(self) -> Iterator[LogLine]:
        """Yield the lines of all as they come."""
        lines: queue.SimpleQueue[LogLine | _End] = queue.SimpleQueue()
        for stream in self._streams:
            threading.Thread(target=_read, args=(stream, lines.put), name="log-run", daemon=True).start()
        remaining = len(self._streams)
        try:
            while remaining:
                match lines.get():
                    case LogLine() as line:
                        yield line
                    case end:
                        remaining -= 1
                        if end is not None:
                            raise end
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
