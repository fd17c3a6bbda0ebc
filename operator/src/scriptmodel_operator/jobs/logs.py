"""Logs: of an attempt, from its pod while that exists, else from the bucket; of a job, those of all its runs."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import chain
from typing import Any
from urllib.parse import urlencode

from scriptmodel_operator.engine.errors import EngineError, NotFoundError
from scriptmodel_operator.engine.gateway import LogStream
from scriptmodel_operator.engine.values import LogLine
from scriptmodel_operator.jobs.job_manifest import CONTAINER
from scriptmodel_operator.jobs.pods import ending
from scriptmodel_operator.jobs.ports import Cluster, Lines
from scriptmodel_operator.jobs.records import RunRecord

MAX_STORED_BYTES = 8 << 20
"""Above what a trainer stores; a pod may store anything."""
TAIL_BYTES = 1 << 20
_TAIL_LINES = 20_000
_TAIL_SECONDS = 30.0
_REMOVED = "unable to retrieve container logs for "
"""How the answer of a kubelet begins that has removed a container, as of a pod that was evicted."""

_End = EngineError | None


class PodLog:
    """The lines of a pod with their times, and if its process failed, how it ended as the last one."""

    def __init__(self, cluster: Cluster, pod: dict[str, Any], *, follow: bool, seconds: float) -> None:
        self._cluster = cluster
        self._path = _path(pod)
        query = {"container": CONTAINER, "timestamps": "true", **({"follow": "true"} if follow else {})}
        self._lines = _open(cluster, pod, query, seconds)

    def __iter__(self) -> Iterator[LogLine]:
        for line in _printed(self._lines):
            yield _timed(line)
        with suppress(NotFoundError):
            ended = ending(self._cluster.request("GET", self._path, f"reading pod {self._path.rpartition('/')[2]}"))
            if ended and ended.words:
                yield LogLine(ended.words, verdict=True)

    def cancel(self) -> None:
        self._lines.cancel()


class StoredLog:
    """The lines of a stored log, which have no times, and why its run failed as the last one."""

    def __init__(self, data: bytes, failure: str) -> None:
        self._lines = [LogLine(line) for line in data.decode(errors="replace").splitlines()]
        if failure:
            self._lines.append(LogLine(failure, verdict=True))

    def __iter__(self) -> Iterator[LogLine]:
        return iter(self._lines)

    def cancel(self) -> None:
        self._lines = []


class RunLogs:
    """Implements `LogStream` over the attempts that exist now. Raises NotFoundError if none has a log."""

    def __init__(
        self, read: Callable[[RunRecord, bool], LogStream], runs: Sequence[RunRecord], what: str, *, follow: bool
    ) -> None:
        """`read` returns the log of the newest attempt at a run, which it follows or not."""
        self._ended: list[LogStream] = []
        self._followed: list[LogStream] = []
        for run in runs:
            follows = follow and run.state.active
            try:
                stream = read(run, follows)
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


def tail(cluster: Cluster, pod: dict[str, Any]) -> bytes:
    """Return the newest lines of a pod that has ended."""
    query = {"container": CONTAINER, "tailLines": str(_TAIL_LINES)}
    return _newest(_printed(_open(cluster, pod, query, _TAIL_SECONDS)))


def _printed(lines: Iterable[str]) -> Iterator[str]:
    return (line for line in lines if not line.startswith(_REMOVED))


def _newest(lines: Iterable[str]) -> bytes:
    kept: deque[bytes] = deque()
    size = 0
    for line in lines:
        kept.append(f"{line}\n".encode()[-TAIL_BYTES:])
        size += len(kept[-1])
        while size > TAIL_BYTES:
            size -= len(kept.popleft())
    return b"".join(kept)


def _open(cluster: Cluster, pod: dict[str, Any], query: dict[str, str], seconds: float) -> Lines:
    name = pod["metadata"]["name"]
    return cluster.lines(f"{_path(pod)}/log?{urlencode(query)}", f"reading the log of pod {name}", seconds)


def _path(pod: dict[str, Any]) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def _timed(line: str) -> LogLine:
    """Return a line without the kubelet's time, which is before its first space."""
    stamp, _, text = line.partition(" ")
    try:
        return LogLine(text, datetime.fromisoformat(stamp))
    except ValueError:
        return LogLine(line)


def _read(stream: LogStream, put: Callable[[LogLine | _End], None]) -> None:
    end: _End = None
    try:
        for line in stream:
            put(line)
    except EngineError as error:
        end = error
    finally:
        put(end)
