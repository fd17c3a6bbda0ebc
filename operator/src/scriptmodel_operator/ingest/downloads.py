"""Downloads corpora from web servers and commits them, in the background, a few at a time.

No state has to survive the process: the record of the download is in the object's status, and if it is lost, the
commit itself is read and compared.
"""

from __future__ import annotations

import asyncio
import logging
import random
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, BinaryIO

from scriptmodel_operator.api.names import Key
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.addresses import Destinations
from scriptmodel_operator.ingest.archive import Options
from scriptmodel_operator.ingest.credentials import Credentials
from scriptmodel_operator.ingest.deliver import Delivery
from scriptmodel_operator.ingest.entries import FileStream
from scriptmodel_operator.ingest.failures import DeliveryCancelledError, SourceError
from scriptmodel_operator.ingest.fetch import USUAL, Fetched, Fetcher, Timeouts
from scriptmodel_operator.ingest.package import files_by_reader, manifest_of
from scriptmodel_operator.ingest.slots import Slots
from scriptmodel_operator.ingest.values import (
    Attempt,
    Download,
    DownloadRecord,
    Failure,
    Request,
    Validators,
    file_name,
    shown,
)
from scriptmodel_operator.pachyderm.errors import PachydermError
from scriptmodel_operator.pachyderm.gateway import Gateway

FIRST_RETRY_SECONDS = 5.0
LONGEST_RETRY_SECONDS = 600.0
_LARGEST_EXPONENT = 16
_COMMITTED = "committed"

Observed = Callable[[str, float, int], None]
"""Receives the outcome, the seconds and the bytes of each attempt."""

Secrets = Callable[[str, str], Awaitable[Credentials]]
"""Reads the credentials that the Secret of a namespace and name has. Raises SourceError."""

log = logging.getLogger(__name__)


@dataclass
class _Entry:
    """The state of one object's download, in memory only."""

    request: Request
    requested: str
    task: asyncio.Task[None] | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    delivering: bool = False
    """True once the file is downloaded and a thread commits it."""
    ended: float | None = None
    """Monotonic seconds."""
    attempt: Attempt = field(default_factory=Attempt)

    def due(self) -> float:
        """Return the seconds until the next poll; 0 or less means now."""
        if self.ended is None:
            return 0.0
        wait, failure = self.request.interval, self.attempt.failure
        if failure is not None and _backs_off(failure):
            wait = max(min(wait, _back_off(self.attempt.failures)), getattr(failure, "wait", 0.0))
        return self.ended + wait - time.monotonic()


class Downloads:
    """`requeue` receives the key of an object whose attempt has ended. Call all methods in the event loop."""

    def __init__(
        self,
        gateway: Gateway,
        destinations: Destinations,
        slots: int,
        requeue: Callable[[Key], None],
        observed: Observed,
        timeouts: Timeouts = USUAL,
        secrets: Secrets | None = None,
    ) -> None:
        self._gateway = gateway
        self._slots = Slots(slots)
        self._pool = ThreadPoolExecutor(max_workers=slots, thread_name_prefix="download")
        self._fetcher = Fetcher(destinations, self._run, timeouts)
        self._observed = observed
        self._secrets = secrets
        self._entries: dict[str, _Entry] = {}
        self._requeue = requeue

    def attempt(self, uid: str, request: Request) -> Attempt:
        """Return the state of this request; a different request discards that of the previous one."""
        entry = self._entries.get(uid)
        if entry is not None and replace(entry.request, interval=request.interval) != request:
            self.forget(uid)
            entry = None
        return entry.attempt if entry else Attempt()

    def start(self, uid: str, download: Download) -> None:
        """Start an attempt if none is in progress and one is due, requested, or needed to replace a foreign commit."""
        entry = self._entries.get(uid)
        if entry is None:
            entry = self._entries[uid] = _Entry(download.request, download.requested)
        if entry.task is not None:
            return
        requested = entry.requested != download.requested
        entry.requested, entry.request = download.requested, download.request
        replaced = entry.attempt.record is not None and entry.attempt.failure is None and download.known is None
        if requested or replaced or entry.due() <= 0:
            entry.task = asyncio.create_task(self._attempt(entry, download), name=f"download-{uid}")

    def in_progress(self, uid: str) -> bool:
        """Return whether an attempt is in progress."""
        entry = self._entries.get(uid)
        return entry is not None and entry.task is not None

    def due_in(self, uid: str) -> float | None:
        """Return the seconds until the next attempt; None if there is no entry or an attempt is in progress."""
        entry = self._entries.get(uid)
        if entry is None or self.in_progress(uid):
            return None
        return max(entry.due(), 0.1)

    def forget(self, uid: str) -> None:
        """Cancel an object's download: a transfer stops immediately, a commit at its next piece."""
        entry = self._entries.pop(uid, None)
        if entry is None:
            return
        entry.cancelled.set()
        if entry.task is not None and not entry.delivering:
            entry.task.cancel()

    def close(self) -> None:
        """Cancel all downloads at the end of the process. Calls in flight end when the gateway is closed."""
        for entry in self._entries.values():
            entry.cancelled.set()
            if entry.task is not None:
                entry.task.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, function: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *args)

    async def _attempt(self, entry: _Entry, download: Download) -> None:
        try:
            async with self._slots.hold(download.key[0]):
                if not entry.cancelled.is_set():
                    await self._timed(entry, download)
        except DeliveryCancelledError:
            return
        finally:
            entry.task, entry.delivering = None, False
            entry.ended = time.monotonic()
        if not entry.cancelled.is_set():
            self._requeue(download.key)

    async def _timed(self, entry: _Entry, download: Download) -> None:
        started, size = time.monotonic(), 0
        try:
            outcome, record, size = await self._transfer(entry, download)
            committed = time.monotonic() if outcome == _COMMITTED else entry.attempt.committed
            entry.attempt = Attempt(record=record, committed=committed)
        except (SourceError, PachydermError) as error:
            outcome = _outcome(error)
            self._failed(entry, download, error)
        except DeliveryCancelledError:
            raise
        except OSError as error:
            outcome = "failed"
            text = f"the operator cannot store the download ({error.strerror or error}): free space in TMPDIR"
            self._failed(entry, download, SourceError(Reason.RETRYING, text, passing=True))
        except Exception as error:  # a bug must not leave the object without a message
            log.exception("%s/%s: its download ended unexpectedly", *download.key, extra={"object": download.key})
            outcome = "failed"
            self._failed(entry, download, SourceError(Reason.RETRYING, f"{error}; trying again", passing=True))
        self._observed(outcome, time.monotonic() - started, size)

    def _failed(self, entry: _Entry, download: Download, error: Failure) -> None:
        if str(error) != str(entry.attempt.failure):
            log.warning("%s/%s: %s", *download.key, error, extra={"object": download.key})
        # The frames that it was raised in hold the reader's process and the downloaded file.
        error.__cause__ = error.__context__ = error.__traceback__ = None
        entry.attempt = replace(entry.attempt, failure=error, failures=entry.attempt.failures + 1)

    async def _transfer(self, entry: _Entry, download: Download) -> tuple[str, DownloadRecord, int]:
        """Return the outcome for the metrics, the record of the newest commit, and the bytes received."""
        request, known = download.request, download.known if download.request.answered_by(download.known) else None
        with tempfile.TemporaryFile(prefix="scriptmodel-") as file:  # has no name: nothing is left after a kill
            found = await self._fetch(entry, file, download, known)
            if known is not None and (found is None or found.sha256 == known.sha256):
                validators = found.validators if found else known.validators
                return "unchanged", replace(known, validators=validators), found.size if found else 0
            assert found is not None  # noqa: S101 - only a conditional request can be answered with "not modified"
            options = Options(found.size, file_name(request.url), request.include, request.most_bytes)
            read = partial(files_by_reader, file, options, entry.cancelled)
            delivery = Delivery(self._gateway, download.branch, entry.cancelled)
            entry.delivering = True
            commit, new = await self._run(_put, read, delivery, request)
        names = (shown(request.url), commit, download.branch)
        log.info("%s/%s: %s is commit %s of %s", *download.key, *names, extra={"object": download.key})
        record = DownloadRecord(commit, request.digest, found.sha256, found.validators)
        return _COMMITTED if new else "unchanged", record, found.size

    async def _fetch(
        self, entry: _Entry, file: BinaryIO, download: Download, known: DownloadRecord | None
    ) -> Fetched | None:
        request, validators = download.request, known.validators if known else Validators()
        credentials = None
        if request.secret and self._secrets is not None:
            credentials = await self._secrets(download.key[0], request.secret)
        found = await self._fetcher.fetch(request.url, file, request.most_bytes, validators, credentials)
        if entry.cancelled.is_set():
            raise DeliveryCancelledError
        if found is not None and request.sha256 not in ("", found.sha256):
            raise SourceError(
                Reason.DIGEST_MISMATCH,
                f"the file at {shown(request.url)} has the digest {found.sha256}, and not the one that "
                "spec.corpus.http.sha256 names: find out which is right before you change it",
            )
        return found


def _put(read: Callable[[], FileStream], delivery: Delivery, request: Request) -> tuple[str, bool]:
    """Read the corpus to know its files, and again to deliver them."""
    manifest = manifest_of(read())
    if not any(digest.size for digest in manifest.values()):
        none = "no file in it matches spec.corpus.http.include" if request.include else "it has no bytes"
        raise SourceError(Reason.CORPUS_EMPTY, f"the file at {shown(request.url)} has no corpus: {none}")
    return delivery.deliver(read(), manifest)


def _backs_off(failure: Failure) -> bool:
    """Return whether to retry with back-off: errors of a server may pass, errors of a file stay until it changes."""
    return not isinstance(failure, SourceError) or failure.passing or failure.reason is Reason.DOWNLOAD_FAILED


def _outcome(failure: Failure) -> str:
    return str(failure.reason.value) if isinstance(failure, SourceError) else "PachydermError"


def _back_off(failures: int) -> float:
    """Return the seconds until the next attempt: they double with each failure up to a limit; up to half is random."""
    longest = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(failures - 1, _LARGEST_EXPONENT))
    return float(longest * (1 - random.random() / 2))
