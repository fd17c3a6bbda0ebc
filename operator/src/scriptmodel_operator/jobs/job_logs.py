"""Reads the log of an attempt: of its pod while that exists, else the one that is stored in the bucket."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from scriptmodel_operator.engine.errors import NotFoundError
from scriptmodel_operator.engine.values import LogLine
from scriptmodel_operator.jobs.job_manifest import CONTAINER
from scriptmodel_operator.jobs.pods import ending
from scriptmodel_operator.jobs.ports import Cluster, Lines

MAX_STORED_BYTES = 8 << 20
"""Above what a trainer stores; a pod may store anything."""
TAIL_BYTES = 1 << 20
_TAIL_LINES = 20_000
_TAIL_SECONDS = 30.0


class PodLog:
    """The lines of a pod with their times, and if its process failed, how it ended as the last one."""

    def __init__(self, cluster: Cluster, pod: dict[str, Any], *, follow: bool, seconds: float) -> None:
        self._cluster = cluster
        self._path = _path(pod)
        query = {"container": CONTAINER, "timestamps": "true", **({"follow": "true"} if follow else {})}
        self._lines = _open(cluster, pod, query, seconds)

    def __iter__(self) -> Iterator[LogLine]:
        for line in self._lines:
            yield _timed(line)
        with suppress(NotFoundError):
            ended = ending(self._cluster.request("GET", self._path, f"reading pod {self._path.rpartition('/')[2]}"))
            if ended and ended.words:
                yield LogLine(ended.words, verdict=True)

    def cancel(self) -> None:
        self._lines.cancel()


class StoredLog:
    """The lines of a stored log, which have no times."""

    def __init__(self, data: bytes) -> None:
        self._lines = data.decode(errors="replace").splitlines()

    def __iter__(self) -> Iterator[LogLine]:
        return map(LogLine, self._lines)

    def cancel(self) -> None:
        self._lines = []


def tail(cluster: Cluster, pod: dict[str, Any]) -> bytes:
    """Return the newest lines of a pod that has ended."""
    query = {"container": CONTAINER, "tailLines": str(_TAIL_LINES)}
    return _newest(_open(cluster, pod, query, _TAIL_SECONDS))


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
