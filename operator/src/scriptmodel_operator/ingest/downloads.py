"""Checks corpora by URL in the background: when one is due, the engine fetches it, and it is compared.

No state has to survive the process: the record of the download is in the object's status, and if it is lost, the files
are fetched and compared again.
"""

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from scriptmodel_operator.api.conditions import timestamp
from scriptmodel_operator.api.corpus import CorpusDownload
from scriptmodel_operator.api.durations import backoff
from scriptmodel_operator.api.identity import engine_fetcher
from scriptmodel_operator.api.names import Key
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.status import SourceStatus
from scriptmodel_operator.engine.errors import EngineError
from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.engine.values import BranchRef
from scriptmodel_operator.ingest.fetch import CancelledDownloadError, Fetch, SourceError, Taken

FIRST_RETRY_SECONDS = 5.0
LONGEST_RETRY_SECONDS = 600.0
THREADS = 8
"""Number of concurrent downloads. Pachyderm writes a limited number of file sets at a time, for everybody."""

log = logging.getLogger(__name__)


Failure = SourceError | EngineError


@dataclass(frozen=True, slots=True)
class DownloadState:
    """The state of an object's download in this process. A failure stays, beside an older record, until a success."""

    failure: Failure | None = None
    failures: int = 0
    record: SourceStatus | None = None
    """The record of the newest successful attempt."""
    committed: float = 0.0
    """When this process last committed it (monotonic seconds): no earlier snapshot has the jobs of that commit."""


@dataclass(frozen=True, slots=True)
class Download:
    """A download for the object `key` into `branch`. `known` is the record of its newest commit."""

    key: Key
    request: CorpusDownload
    branch: BranchRef
    known: SourceStatus | None
    requested: str = ""
    """The reconcile-at that is not handled yet: a new value checks the URLs immediately."""
    engine: str = ""
    """What fetches it (`api/identity.py`)."""
    attempt: DownloadState = DownloadState()
    """The state of the object's download that `known` was compared with."""


@dataclass
class _Entry:
    request: CorpusDownload
    requested: str = ""
    task: asyncio.Task[None] | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    next_at: float = 0.0
    """When the next attempt is due (monotonic seconds)."""
    attempt: DownloadState = field(default_factory=DownloadState)


class Downloads:
    """`requeue` receives the key of an object whose attempt has ended. Call all methods in the event loop."""

    def __init__(self, gateway: Gateway, seconds: float, requeue: Callable[[Key], None]) -> None:
        """Each file may take `seconds`."""
        self._gateway = gateway
        self._seconds = seconds
        self._requeue = requeue
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="download")
        self._entries: dict[str, _Entry] = {}

    def attempt(self, uid: str, request: CorpusDownload) -> DownloadState:
        """Return the state of this request; other URLs discard that of the previous one."""
        entry = self._entries.get(uid)
        if entry is not None and entry.request.digest != request.digest:
            self.forget(uid)
            entry = None
        return entry.attempt if entry else DownloadState()

    def start(self, uid: str, download: Download) -> None:
        """Start an attempt if none is in progress and one is due, requested, or needed to replace a foreign commit."""
        self.attempt(uid, download.request)
        entry = self._entries.get(uid)
        if entry is None:
            entry = self._entries[uid] = _Entry(download.request, next_at=_first(download))
        if entry.task is not None:
            return
        requested = download.requested not in ("", entry.requested)
        # What an attempt has committed since the object was observed is no foreign commit.
        found = download.attempt
        replaced = found.record is not None and found.failure is None and download.known is None
        if download.request.seconds < entry.request.seconds:
            entry.next_at = min(entry.next_at, time.monotonic() + download.request.seconds)
        entry.requested, entry.request = download.requested or entry.requested, download.request
        if requested or replaced or entry.next_at <= time.monotonic():
            entry.task = asyncio.create_task(self._attempt(entry, download), name=f"download-{uid}")

    def in_progress(self, uid: str) -> bool:
        entry = self._entries.get(uid)
        return entry is not None and entry.task is not None

    def due_in(self, uid: str) -> float | None:
        """Return the seconds until the next attempt; None if there is no entry or an attempt is in progress."""
        entry = self._entries.get(uid)
        if entry is None or entry.task is not None:
            return None
        return max(entry.next_at - time.monotonic(), 0.1)

    def forget(self, uid: str) -> None:
        entry = self._entries.pop(uid, None)
        if entry is not None:
            entry.cancelled.set()

    def close(self) -> None:
        """Cancel all downloads at the end of the process. Calls in flight end when the gateway is closed."""
        for uid in list(self._entries):
            self.forget(uid)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _attempt(self, entry: _Entry, download: Download) -> None:
        fetch = Fetch(self._gateway, download.branch, self._seconds, entry.cancelled, engine_fetcher(download.engine))
        known = download.known if download.known and download.known.request == download.request.digest else None
        listing = known.listing or "" if known else ""
        try:
            loop = asyncio.get_running_loop()
            taken = await loop.run_in_executor(self._pool, fetch.run, download.request, listing)
        except CancelledDownloadError:
            return
        except (SourceError, EngineError) as error:
            self._failed(entry, download, error)
        except Exception as error:  # a bug must not leave the object without a message
            log.exception("%s/%s: its download ended unexpectedly", *download.key, extra={"object": download.key})
            self._failed(entry, download, SourceError(Reason.RETRYING, f"{error}; trying again", passing=True))
        else:
            self._succeeded(entry, download, known or SourceStatus(), taken)
        finally:
            entry.task = None
        if not entry.cancelled.is_set():
            self._requeue(download.key)

    def _succeeded(self, entry: _Entry, download: Download, known: SourceStatus, taken: Taken) -> None:
        changes: dict[str, str | None] = {"last_check_time": timestamp(datetime.now(UTC))}
        if head := taken.head:
            changed = timestamp(head.finished_at) if head.finished_at else None
            changes |= {"commit": head.id, "request": download.request.digest, "last_change_time": changed}
            changes["listing"] = taken.listing or None
            if taken.new:
                names = (head.id, download.branch)
                log.info("%s/%s: commit %s of %s", *download.key, *names, extra={"object": download.key})
        committed = time.monotonic() if taken.new else entry.attempt.committed
        entry.attempt = DownloadState(record=known.model_copy(update=changes), committed=committed)
        entry.next_at = time.monotonic() + entry.request.seconds

    def _failed(self, entry: _Entry, download: Download, error: Failure) -> None:
        if str(error) != str(entry.attempt.failure):
            log.warning("%s/%s: %s", *download.key, error, extra={"object": download.key})
        error.__cause__ = error.__context__ = error.__traceback__ = None  # it is kept; its frames need not be
        failures = entry.attempt.failures + 1
        entry.attempt = replace(entry.attempt, failure=error, failures=failures)
        wait = backoff(failures, FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, random.random())
        entry.next_at = time.monotonic() + min(entry.request.seconds, wait)


def _first(download: Download) -> float:
    """Return when the first attempt of this process is due: an interval after that of an earlier process."""
    known = download.known
    if known is None or known.last_check_time is None or known.request != download.request.digest:
        return 0.0
    age = (datetime.now(UTC) - datetime.fromisoformat(known.last_check_time)).total_seconds()
    return time.monotonic() + download.request.seconds - max(age, 0.0)
