"""The execution of datums: what jobs ask of their workers, which are processes of this machine or pods of a cluster."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from localpach.messages import pps
from localpach.pfs.content import CommitContent
from localpach.pfs.filesets import Changes
from localpach.pfs.listing import Tree
from localpach.pfs.reading import Reader
from localpach.pps.datums import Datum, DatumInput
from localpach.pps.jobs import Job
from localpach.pps.logs import Writer
from localpach.pps.states import DatumState
from localpach.refs import JobRef
from localpach.store.contents import Contents, Session
from localpach.store.database import Database

DEFAULT_RETRIES = 3
FROM_SIGNAL = 128


class CancelledError(Exception):
    """An error because the job was stopped or deleted while it was running."""


class FailedAttemptError(Exception):
    """An error because an attempt to process a datum failed."""


class TransferError(FailedAttemptError):
    """An error because input files could not be written or output files could not be stored."""


class Cancellation:
    """A cancellation flag that wakes the threads that wait for an event of the job."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: set[threading.Event] = set()
        self.is_set = False

    def set(self) -> None:
        with self._lock:
            self.is_set = True
            for event in self._events:
                event.set()

    def subscribe(self, event: threading.Event) -> None:
        """Subscribe an event, which is set on cancellation."""
        with self._lock:
            self._events.add(event)
            if self.is_set:
                event.set()

    def unsubscribe(self, event: threading.Event) -> None:
        with self._lock:
            self._events.discard(event)

    def check(self) -> None:
        if self.is_set:
            raise CancelledError

    def wait(self, seconds: float) -> bool:
        """Wait for some seconds; return True as soon as cancellation is requested."""
        event = threading.Event()
        self.subscribe(event)
        event.wait(max(0.0, seconds))
        self.unsubscribe(event)
        return self.is_set


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a datum, and the changes that its output makes to the output commit.

    ``stored`` is called when these are committed, ``dropped`` if they cannot be.
    """

    state: DatumState
    reason: str
    stats: pps.ProcessStats
    output: Changes
    stored: Callable[[], None] = field(default=lambda: None)
    dropped: Callable[[], None] = field(default=lambda: None)


@dataclass(frozen=True, slots=True)
class Execution:
    """What the datums of one job have in common.

    ``tmp`` is the worker's `/tmp`. ``begin`` reports that a command runs; ``blocked`` reports why none can, or with an
    empty text that nothing blocks any more.
    """

    job: Job
    version: int
    details: pps.PipelineInfo.Details
    tmp: Path
    cancelled: Cancellation
    begin: Callable[[], None]
    blocked: Callable[[str], None]

    @property
    def tries(self) -> int:
        return self.details.datum_tries if self.details.datum_tries > 0 else DEFAULT_RETRIES + 1


class DatumRunner(Protocol):
    """Runs the datums of one job."""

    def run(self, datum: Datum, session: Session, opener: Callable[[DatumInput], Tree], log: Writer) -> Outcome:
        """Run a datum until it succeeds or its tries are used up. Raises CancelledError if the job is stopped."""


class Workers(Protocol):
    """Where commands run."""

    outlive_server: bool
    """Whether commands run on while the server is away, so that a restarted one resumes its jobs."""

    def check(self, request: pps.CreatePipelineRequest) -> None:
        """Raise UnimplementedError for a pipeline that cannot run here."""

    def note(self, details: pps.PipelineInfo.Details) -> str:
        """Return what the log of a job says about its resources; empty if nothing."""

    def runner(self, execution: Execution) -> DatumRunner:
        """Return the runner of a job's datums."""


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What all workers of a server share: the stores, and where commands run.

    A job stays in JOB_RUNNING for at least ``settle`` seconds, so that clients that poll observe the state.
    """

    db: Database
    contents: Contents
    content: CommitContent
    reader: Reader
    workers: Workers
    settle: float


def format_status(status: int) -> str:
    """Format an exit status of a shell in the words of Go."""
    name = signal.strsignal(status - FROM_SIGNAL) if FROM_SIGNAL < status < FROM_SIGNAL + signal.NSIG else None
    return f"signal: {name.lower()}" if name else f"exit status {status}"


def datum_variables(job: JobRef, datum: Datum) -> dict[str, str]:
    """Return the environment variables that tell a command about its datum."""
    found = {"PPS_PIPELINE_NAME": job.pipeline.name, "PPS_PROJECT_NAME": job.pipeline.project}
    for each in datum.inputs:
        found[each.name] = f"/pfs/{each.name}{each.path}".rstrip("/")
        found[f"{each.name}_COMMIT"] = each.commit
    found["PACH_DATUM_ID"] = datum.id
    found["PACH_JOB_ID"] = job.id
    found["PACH_OUTPUT_COMMIT_ID"] = job.id
    return found


def top(path: str) -> str:
    """Return the path of a datum's file or folder as trees are walked from it."""
    return path if path == "/" else path.rstrip("/")
