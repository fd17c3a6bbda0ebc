"""Follows the logs of running jobs in threads of its own, at most so many at a time.

Logs must be read while the job runs: its pods, and the log with them, may vanish as soon as it ends.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from scriptmodel_operator.observe.progress import LogDigest, read_line
from scriptmodel_operator.pachyderm.errors import PachydermError
from scriptmodel_operator.pachyderm.gateway import Gateway, LogStream
from scriptmodel_operator.pachyderm.values import JobRef

MAX_FOLLOWED = 16
_STREAM_SECONDS = 600.0
_RECONNECT_SECONDS = 1.0
_READ_SECONDS = 5.0
_REMEMBERED = 512


@dataclass
class _Following:
    stop: threading.Event = field(default_factory=threading.Event)
    stream: LogStream | None = None


class LogFollower:
    """Thread-safe. Digests of ended jobs are remembered, the oldest forgotten first."""

    def __init__(self, gateway: Gateway, limit: int = MAX_FOLLOWED) -> None:
        self._gateway = gateway
        self._limit = limit
        self._lock = threading.Lock()
        self._active: dict[JobRef, _Following] = {}
        self._digests: OrderedDict[JobRef, LogDigest] = OrderedDict()
        self._ended: OrderedDict[JobRef, LogDigest] = OrderedDict()

    def running(self, job: JobRef) -> LogDigest:
        """What the job has said so far. Begins to follow it; where there are too many, reads the log once instead."""
        known = self._followed(job, self._limit)
        return self._read_once(job) if known is None else known

    def waiting(self, job: JobRef) -> LogDigest:
        """Of a job that has no worker yet: it may fail as soon as it has one, so it is followed while there is room."""
        return self._followed(job, self._limit // 2) or LogDigest()

    def followed(self, job: JobRef) -> LogDigest | None:
        """Return what is known of a job without reading its log."""
        with self._lock:
            return self._digests.get(job)

    def _followed(self, job: JobRef, limit: int) -> LogDigest | None:
        with self._lock:
            known = self._digests.get(job, LogDigest())
            if job in self._active:
                return known
            if len(self._active) >= limit:
                return None
            following = _Following()
            self._active[job] = following
            name = f"log-{job.pipeline.name}"
            threading.Thread(target=self._follow, args=(job, following), name=name, daemon=True).start()
            return known

    def ended(self, job: JobRef) -> LogDigest:
        """All that is known of a job that has ended: what was followed, or what is still there to be read."""
        with self._lock:
            if job in self._ended:
                return self._ended[job]
        self.leave([job])
        digest = self._read_once(job)
        with self._lock:
            self._digests.pop(job, None)
            self._ended[job] = digest
            while len(self._ended) > _REMEMBERED:
                self._ended.popitem(last=False)
        return digest

    def keep_only(self, may_run: Callable[[JobRef], bool]) -> None:
        """Stop following any job that has ended."""
        with self._lock:
            gone = [job for job in self._active if not may_run(job)]
        self.leave(gone)

    def close(self) -> None:
        self.keep_only(lambda _job: False)

    def leave(self, jobs: Iterable[JobRef]) -> None:
        """Stop following those that are followed."""
        with self._lock:
            gone = [self._active.pop(job) for job in jobs if job in self._active]
        for following in gone:
            following.stop.set()
            if following.stream is not None:
                following.stream.cancel()

    def _read_once(self, job: JobRef) -> LogDigest:
        digest = LogDigest()
        try:
            for line in self._gateway.read_log(job, follow=False, seconds=_READ_SECONDS):
                digest = read_line(digest, line)
        except PachydermError:
            pass  # a log that is gone, or cut, still leaves what was followed
        return self._publish(job, digest)

    def _publish(self, job: JobRef, digest: LogDigest) -> LogDigest:
        """A stream that was opened again starts from the first line, so the longer digest is the newer one."""
        with self._lock:
            known = self._digests.get(job)
            if known is None or digest.lines >= known.lines:
                self._digests[job] = known = digest
                self._digests.move_to_end(job)
            while len(self._digests) > _REMEMBERED:
                self._digests.popitem(last=False)
            return known

    def _follow(self, job: JobRef, following: _Following) -> None:
        while not following.stop.is_set():
            digest = LogDigest()
            try:
                following.stream = self._gateway.read_log(job, follow=True, seconds=_STREAM_SECONDS)
                for line in following.stream:
                    digest = read_line(digest, line)
                    self._publish(job, digest)
                    if following.stop.is_set():
                        return
            except PachydermError:
                pass  # no pods yet, or the stream was cut: look again in a moment
            following.stop.wait(_RECONNECT_SECONDS)
