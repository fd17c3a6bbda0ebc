"""Execution of a datum by pods: one Job an attempt, until one succeeds or the tries are used up."""

from __future__ import annotations

import logging
import secrets
import string
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from kubernetes.client.exceptions import ApiException

from localpach.config import PodSettings
from localpach.messages import SECOND, duration, nanoseconds
from localpach.pfs.filesets import Changes
from localpach.pfs.listing import Tree
from localpach.pods import attempts, progress
from localpach.pods.api import UNREACHABLE, KubernetesApi, message_of
from localpach.pods.attempts import Attempt
from localpach.pods.exchange import DatumExchange
from localpach.pods.following import LogFollower
from localpach.pods.manifest import Work, job_manifest, secret_manifest
from localpach.pods.patch import pod_changes
from localpach.pods.progress import Ending
from localpach.pods.transfer import Transfer, digest, new_token
from localpach.pods.watch import Watch
from localpach.pps.datums import Datum, DatumInput
from localpach.pps.execution import CancelledError, Execution, Outcome, datum_variables
from localpach.pps.logs import Writer
from localpach.pps.states import DatumState
from localpach.store.contents import Session
from localpach.store.database import Database

log = logging.getLogger(__name__)

MAX_BASE = 45
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 30.0
RECHECK_SECONDS = 10.0
LOG_SECONDS = 30.0
"""How long the end of an attempt waits for the rest of its log."""
_REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)


@dataclass(frozen=True, slots=True)
class Cluster:
    """What all attempts share."""

    db: Database
    api: KubernetesApi
    watch: Watch
    transfer: Transfer
    steps: PodSettings
    engine: str
    """The id of the store, which its Jobs bear as a label."""


class PodRunner:
    """Runs the datums of one job as pods."""

    def __init__(self, cluster: Cluster, execution: Execution) -> None:
        self._cluster = cluster
        self._execution = execution

    def run(self, datum: Datum, session: Session, opener: Callable[[DatumInput], Tree], log: Writer) -> Outcome:
        """Run a datum until it succeeds or its tries are used up. Raises CancelledError if the job is stopped."""
        exchange = DatumExchange(session, datum, opener)
        try:
            while True:
                with self._cluster.db.read() as txn:
                    past = attempts.of_datum(txn, self._execution.job, datum.id)
                failed = [each for each in past if each.counted]
                unfinished = next((each for each in past if not each.ended), None)
                if unfinished is None and len(failed) >= self._execution.tries:
                    return Outcome(DatumState.FAILED, failed[-1].reason, exchange.stats, Changes())
                found = self._attempt(unfinished, len(failed) + 1, datum, exchange, log)
                if found is not None:
                    return found
        except CancelledError:
            exchange.stop()
            raise

    def _attempt(
        self, attempt: Attempt | None, number: int, datum: Datum, exchange: DatumExchange, log: Writer
    ) -> Outcome | None:
        """Run an attempt to its end, or one that a killed server has left; None if it has failed."""
        started = attempt is not None and self._is_started(attempt)
        if attempt is not None and not started:
            self._end(attempt, Ending("its Job was never started", counted=False))
            return None
        token = new_token()
        if attempt is None:
            with self._cluster.db.write() as txn:
                name = self._name()
                attempt = attempts.create(txn, self._execution.job, datum.id, number, name, digest(token))
        with self._serving(attempt, exchange):
            try:
                if not started:
                    self._start(self._work(attempt.name, datum), token)
                    log.system(f"started Job {attempt.name} in namespace {self._cluster.api.namespace}")
                failure = self._follow(attempt, exchange, log, seen=started)
            except _RefusedError as error:
                failure = Ending(str(error), words=str(error))
        if failure is None:
            return Outcome(
                *(DatumState.SUCCESS, "", exchange.stats, exchange.output),
                stored=lambda: self._finish(attempt, exchange),
                dropped=lambda: self._drop(attempt, exchange),
            )
        what = f"try {number} of {self._execution.tries} failed" if failure.counted else "an attempt was lost"
        log.system(f"{what}: {failure.reason}")
        if failure.words:
            log.user(failure.words)  # clients look for causes in the lines of the command
        self._end(attempt, failure)
        return None

    @contextmanager
    def _serving(self, attempt: Attempt, exchange: DatumExchange) -> Iterator[None]:
        exchange.restart()
        self._cluster.transfer.register(attempt.token, exchange)
        try:
            yield
        finally:
            if not exchange.uploaded.is_set():
                self._cluster.transfer.unregister(attempt.token)

    def _finish(self, attempt: Attempt, exchange: DatumExchange) -> None:
        """End a successful attempt, whose output is committed; its pod may end now."""
        exchange.acknowledge()
        self._cluster.transfer.unregister(attempt.token)
        self._end(attempt, Ending("", counted=False))

    def _drop(self, attempt: Attempt, exchange: DatumExchange) -> None:
        """Refuse the output of an attempt: its job was stopped, or it cannot be stored and the pod sends it again."""
        self._cluster.transfer.unregister(attempt.token)
        exchange.stop()

    def _end(self, attempt: Attempt, failure: Ending) -> None:
        with self._cluster.db.write() as txn:
            attempts.end(txn, attempt, failure.reason, counted=failure.counted)

    def _is_started(self, attempt: Attempt) -> bool:
        """Return whether the Job of an attempt that a killed server has left runs or has run."""
        while not self._cluster.watch.synced.wait(FIRST_WAIT_SECONDS):
            self._execution.cancelled.check()
        job = self._cluster.watch.job(attempt.name)
        return job is not None and not job["spec"].get("suspend")

    def _name(self) -> str:
        name = self._execution.job.ref.pipeline.name.lower().replace("_", "-")[:MAX_BASE].strip("-")
        suffix = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))
        return f"{name}-{suffix}"

    def _work(self, name: str, datum: Datum) -> Work:
        execution, transform = self._execution, self._execution.details.transform
        patch = pod_changes(execution.details.pod_patch)
        variables = dict(transform.env) | dict(patch.variables) | datum_variables(execution.job.ref, datum)
        return Work(
            name=name,
            engine=self._cluster.engine,
            job=execution.job.ref,
            version=execution.version,
            details=execution.details,
            patch=patch,
            variables=variables,
        )

    def _start(self, work: Work, token: str) -> None:
        """Create the Job with its Secret, as soon as the API server lets it. Raises _RefusedError."""
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                job = self._cluster.api.create_job(job_manifest(work, self._cluster.steps))
                self._cluster.api.create_secret(secret_manifest(work, token, job["metadata"]["uid"]))
                self._cluster.api.start_job(work.name)
            except UNREACHABLE as error:
                if isinstance(error, ApiException) and error.status in _REFUSED:
                    raise _RefusedError(f"Kubernetes refuses the Job: {message_of(error)}") from None
                self._execution.blocked(f"cannot create a Job: {message_of(error)}")
                if self._execution.cancelled.wait(wait):
                    raise CancelledError from None
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)
            else:
                return

    def _follow(self, attempt: Attempt, exchange: DatumExchange, log: Writer, *, seen: bool) -> Ending | None:
        """Wait for the end of an attempt; return None after a success, when its whole output is stored."""
        wake, follower, log_seconds = threading.Event(), None, 0.0
        self._execution.cancelled.subscribe(wake)
        exchange.on_upload = wake.set
        created = time.monotonic()
        try:
            with self._cluster.watch.changes(attempt.name, wake):
                while True:
                    wake.clear()
                    self._execution.cancelled.check()
                    job, pod = self._cluster.watch.job(attempt.name), self._cluster.watch.pod(attempt.name)
                    seen = seen or job is not None
                    if follower is None and pod is not None and progress.command_started(pod):
                        follower = LogFollower(self._cluster.api, self._cluster.watch, attempt.name, log)
                        follower.start()
                        exchange.stats.download_time.CopyFrom(duration(int((time.monotonic() - created) * SECOND)))
                        self._execution.begin()
                    if exchange.uploaded.is_set():
                        log_seconds = LOG_SECONDS
                        self._measure(exchange, pod)
                        return None
                    failure = (progress.ending(job, pod) if seen else None) or self._timeout(pod)
                    if failure is not None:
                        log_seconds = LOG_SECONDS if progress.command_finished(pod) else 0.0
                        return failure
                    self._execution.blocked(exchange.blocked or self._blocked(attempt, pod, created))
                    wake.wait(RECHECK_SECONDS)
        finally:
            self._execution.cancelled.unsubscribe(wake)
            if follower is not None:
                follower.finish(log_seconds)

    def _blocked(self, attempt: Attempt, pod: progress.Object | None, created: float) -> str:
        if pod is not None or time.monotonic() - created < RECHECK_SECONDS:
            return progress.blocked(pod)
        try:
            return self._cluster.watch.refusal(attempt.name)
        except UNREACHABLE as error:
            return f"cannot read the events of Job {attempt.name}: {message_of(error)}"

    def _timeout(self, pod: progress.Object | None) -> Ending | None:
        details = self._execution.details
        limit = nanoseconds(details.datum_timeout) / SECOND if details.HasField("datum_timeout") else 0
        started = progress.command_started(pod) if limit else None
        if started is None or progress.command_finished(pod) is not None:
            return None
        late = (datetime.now(UTC) - started).total_seconds() >= limit
        return Ending("the datum timed out") if late else None

    def _measure(self, exchange: DatumExchange, pod: progress.Object | None) -> None:
        started, finished = progress.command_started(pod), progress.command_finished(pod)
        if started and finished:
            exchange.stats.process_time.CopyFrom(duration(int((finished - started).total_seconds() * SECOND)))


class _RefusedError(Exception):
    """An error because Kubernetes does not accept the Job, whenever it is asked."""
