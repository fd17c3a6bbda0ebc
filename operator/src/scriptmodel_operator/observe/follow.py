"""Follows the logs of running jobs, each in a thread, up to a limit.

Logs must be read while the job runs: its pods, and the log with them, may be deleted as soon as it ends.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from scriptmodel_operator.engine.errors import EngineError
from scriptmodel_operator.engine.gateway import Gateway, LogStream
from scriptmodel_operator.engine.values import JobRef
from scriptmodel_operator.observe.progress import LogDigest, read_line

MAX_FOLLOWED = 512
"""Each takes a thread and 70 KiB."""
_STREAM_SECONDS = 600.0
"""A stream has only the pods that exist when it is opened, so it is opened again at times."""
_RECONNECT_SECONDS, _LONGEST_RECONNECT_SECONDS = 1.0, 10.0
_READ_SECONDS = 5.0
_CACHED = 2 * MAX_FOLLOWED


@dataclass
class _Following:
    stop: threading.Event = field(default_factory=threading.Event)
    stream: LogStream | None = None


class LogFollower:
    """Follows logs and keeps their digests, of ended jobs too, up to a limit. Thread-safe."""

    def __init__(self, gateway: Gateway, limit: int = MAX_FOLLOWED) -> None:
        self._gateway = gateway
        self._limit = limit
        self._lock = threading.Lock()
        self._active: dict[JobRef, _Following] = {}
        self._digests: OrderedDict[JobRef, LogDigest] = OrderedDict()
        self._ended: OrderedDict[JobRef, LogDigest] = OrderedDict()

    def follow(self, job: JobRef, *, waiting: bool = False) -> LogDigest:
        """Return the digest of an unfinished job and start to follow it; without a worker up to half the limit.

        Above the limit its log is read once; what is printed later is unknown until there is room or the job has ended.
        """
        with self._lock:
            known = self._digests.get(job, LogDigest())
            if job in self._active:
                return known
            free = len(self._active) < (self._limit // 2 if waiting else self._limit)
            if free:
                following = self._active[job] = _Following()
                name = f"log-{job.pipeline.name}"
                threading.Thread(target=self._follow_until_left, args=(job, following), name=name, daemon=True).start()
        return known if free or waiting or known.lines else self._read_once(job)

    def followed(self, job: JobRef) -> LogDigest | None:
        """Return the digest of a job that is or was followed, without reading its log."""
        with self._lock:
            return self._digests.get(job)

    def ended(self, job: JobRef) -> LogDigest:
        """Return the digest of a job that has ended, from what was followed or from what is left of its log."""
        with self._lock:
            if job in self._ended:
                return self._ended[job]
        self.leave([job])
        digest = self._read_once(job)
        with self._lock:
            self._digests.pop(job, None)
            self._ended[job] = digest
            while len(self._ended) > _CACHED:
                self._ended.popitem(last=False)
        return digest

    def keep_only(self, may_run: Callable[[JobRef], bool]) -> None:
        with self._lock:
            gone = [job for job in self._active if not may_run(job)]
        self.leave(gone)

    def close(self) -> None:
        self.keep_only(lambda _job: False)

    def leave(self, jobs: Iterable[JobRef]) -> None:
        with self._lock:
            gone = [self._active.pop(job) for job in jobs if job in self._active]
        for following in gone:
            following.stop.set()
            if following.stream is not None:
                following.stream.cancel()

    def _read_once(self, job: JobRef) -> LogDigest:
        digest = self._before_first_line(job)
        try:
            for line in self._gateway.read_log(job, follow=False, seconds=_READ_SECONDS):
                digest = read_line(digest, line)
        except EngineError:
            pass  # the log is gone or cut: what was followed before is kept
        return self._publish(job, digest)

    def _before_first_line(self, job: JobRef) -> LogDigest:
        """Return what an attempt that resumes another one does not log again."""
        with self._lock:
            known = self._digests.get(job, LogDigest())
        return LogDigest().at(best_perplexity=known.progress.best_perplexity)

    def _publish(self, job: JobRef, digest: LogDigest) -> LogDigest:
        """Keep the longer of two digests of one log, since a stream that was opened again starts from the first line,
        and the newer of two logs: a lost pod takes its log along.
        """
        with self._lock:
            known = self._digests.get(job)
            newer = known is not None and digest.first not in (None, known.first)
            if known is None or newer or digest.lines >= known.lines:
                self._digests[job] = known = digest
                self._digests.move_to_end(job)
            while len(self._digests) > _CACHED:
                self._digests.popitem(last=False)
            return known

    def _follow_until_left(self, job: JobRef, following: _Following) -> None:
        """Follow a log. If an unexpected error ends that, the next one who asks for its digest follows it again."""
        try:
            self._follow(job, following)
        finally:
            with self._lock:
                if self._active.get(job) is following:
                    del self._active[job]

    def _follow(self, job: JobRef, following: _Following) -> None:
        wait = _RECONNECT_SECONDS
        while not following.stop.is_set():
            digest, known = self._before_first_line(job), self.followed(job)
            try:
                following.stream = self._gateway.read_log(job, follow=True, seconds=_STREAM_SECONDS)
                for line in following.stream:
                    digest = read_line(digest, line)
                    self._publish(job, digest)
                    if following.stop.is_set():
                        return
            except EngineError:
                pass  # no pods yet, or the stream was cut: retry
            following.stop.wait(wait)
            wait = min(_LONGEST_RECONNECT_SECONDS, 2 * wait) if self.followed(job) == known else _RECONNECT_SECONDS
