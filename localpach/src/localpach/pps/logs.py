"""Logs of pipelines: one file for each version, one JSON line for each message, deleted with the workers.

The real server reads logs from its pods. Therefore lines of the worker are between those of the user's command, `tail`
counts both, and a stopped, updated or deleted pipeline has no log.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from localpach.messages import pps, timestamp
from localpach.refs import JobRef, PipelineRef
from localpach.waiting import Caller

logger = logging.getLogger(__name__)

FOLLOW_RECHECK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class LogFilter:
    """A filter of log lines. ``since`` is in nanoseconds since the epoch."""

    pipeline: PipelineRef | None = None
    job: JobRef | None = None
    datum: str = ""
    tail: int = 0
    since: int = 0

    def accepts(self, line: dict[str, Any]) -> bool:
        owner = PipelineRef(line["pipeline"], line["project"])
        if self.pipeline is not None and owner != self.pipeline:
            return False
        if self.job is not None and (line["job"] != self.job.id or owner != self.job.pipeline):
            return False
        if self.datum and line.get("datum", "") != self.datum:
            return False
        return bool(line["ts"] >= self.since)


@dataclass
class _Log:
    path: Path
    file: TextIO
    changed: threading.Condition = field(default_factory=threading.Condition)
    closed: bool = False
    failed: bool = False


class Logs:
    """The logs of all running pipeline versions, by the row id of the version."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()
        self._open: dict[int, _Log] = {}

    def open(self, version: int) -> None:
        """Open the log of a pipeline version; after a restart its lines are kept."""
        with self._lock:
            if version not in self._open:
                path = self._folder / f"{version}.jsonl"
                file = path.open("a", encoding="utf-8", buffering=1)
                if _is_truncated(path):
                    file.write("\n")
                self._open[version] = _Log(path, file)

    def is_open(self, version: int) -> bool:
        """Return whether a version has workers and therefore a log."""
        return version in self._open

    def discard(self, version: int) -> None:
        """Close and delete the log of a version; the streams that follow it end."""
        with self._lock:
            log = self._open.pop(version, None)
            path = self._folder / f"{version}.jsonl"
        if log is not None:
            with log.changed:
                log.closed = True
                with contextlib.suppress(OSError):  # a full disk; the file is deleted below
                    log.file.close()
                log.changed.notify_all()
        path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close all logs, when the server stops; lines that come later are those of its successor."""
        for log in self._open.values():
            with log.changed:
                log.closed = True
                log.changed.notify_all()

    def keep_only(self, versions: Iterable[int]) -> None:
        """Delete the logs of all other versions, when the server starts."""
        names = {f"{version}.jsonl" for version in versions}
        for path in self._folder.glob("*.jsonl"):
            if path.name not in names:
                path.unlink()

    def write(self, version: int, line: dict[str, Any]) -> None:
        """Append a line. Lines of a version without a log are dropped, as are lines that cannot be written."""
        log = self._open.get(version)
        if log is None:
            return
        text = json.dumps(line, ensure_ascii=False) + "\n"
        with log.changed:
            if not log.closed:
                _append(log, text)
                log.changed.notify_all()

    def read(self, version: int, log_filter: LogFilter) -> Iterator[pps.LogMessage]:
        """Yield the lines written so far that pass a filter."""
        log = self._open.get(version)
        if log is None:
            return
        with log.path.open(encoding="utf-8", errors="replace") as file:
            lines: Iterable[str] = deque(file, maxlen=log_filter.tail) if log_filter.tail > 0 else file
            yield from _messages(lines, log_filter)

    def follow(self, version: int, log_filter: LogFilter, caller: Caller) -> Iterator[pps.LogMessage]:
        """Yield the lines written so far and later ones, until the caller or the workers are gone."""
        log = self._open.get(version)
        if log is None:
            return

        def wake() -> None:
            with log.changed:
                log.changed.notify_all()

        caller.add_callback(wake)
        with log.path.open(encoding="utf-8", errors="replace") as file:
            lines: Iterable[str] = deque(file, maxlen=log_filter.tail) if log_filter.tail > 0 else file.readlines()
            yield from _messages(lines, log_filter)
            while caller.is_active():
                with log.changed:
                    fresh = file.readlines()
                    if not fresh:
                        if log.closed:
                            return
                        log.changed.wait(FOLLOW_RECHECK_SECONDS)
                yield from _messages(fresh, log_filter)


def _is_truncated(path: Path) -> bool:
    """Return whether the last line of a file is incomplete, e.g. after a kill."""
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _append(log: _Log, text: str) -> None:
    """Write a line. An error is reported once, until a line can be written again."""
    try:
        log.file.write(text)
        log.failed = False
    except OSError as error:
        if not log.failed:
            logger.warning("cannot write %s, dropping lines: %s", log.path, error.strerror)
        log.failed = True


def _messages(lines: Iterable[str], log_filter: LogFilter) -> Iterator[pps.LogMessage]:
    for text in lines:
        line = _parsed(text)
        if line is not None and log_filter.accepts(line):
            yield _message(line)


def _parsed(text: str) -> dict[str, Any] | None:
    """Return a line; None for one that a kill or a full disk has truncated."""
    try:
        line: dict[str, Any] | None = json.loads(text) if text.endswith("\n") else None
    except ValueError:
        return None
    return line


def _message(line: dict[str, Any]) -> pps.LogMessage:
    message = pps.LogMessage(
        project_name=line["project"],
        pipeline_name=line["pipeline"],
        job_id=line["job"],
        worker_id=line["worker"],
        datum_id=line.get("datum", ""),
        user=line.get("user", False),
        message=line["message"],
        ts=timestamp(line["ts"]),
    )
    for path, digest in line.get("data", []):
        message.data.add(path=path, hash=bytes.fromhex(digest))
    return message


@dataclass(frozen=True, slots=True)
class Writer:
    """A writer of the log lines of one job, or of one datum of it."""

    logs: Logs
    version: int
    worker: str
    job: JobRef
    datum: str = ""
    data: tuple[tuple[str, str], ...] = ()

    def system(self, text: str) -> None:
        self._write(text, user=False)

    def user(self, text: str) -> None:
        self._write(text, user=True)

    def for_datum(self, datum: str, data: tuple[tuple[str, str], ...]) -> Writer:
        return Writer(self.logs, self.version, self.worker, self.job, datum, data)

    def _write(self, text: str, *, user: bool) -> None:
        line: dict[str, Any] = {
            "ts": time.time_ns(),
            "project": self.job.pipeline.project,
            "pipeline": self.job.pipeline.name,
            "job": self.job.id,
            "worker": self.worker,
            "message": text,
        }
        if self.datum:
            line |= {"datum": self.datum, "data": self.data}
        if user:
            line["user"] = True
        self.logs.write(self.version, line)
