"""What the workers of a server, their jobs and the datums of these have in common."""

import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localpach.messages import pps
from localpach.pfs.content import CommitContent
from localpach.pfs.filesets import Changes
from localpach.pfs.reading import Reader
from localpach.pps.datums import Datum
from localpach.pps.states import DatumState
from localpach.refs import JobRef
from localpach.run.isolation import Isolation
from localpach.store.contents import Contents
from localpach.store.database import Database

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
    """The result of a datum, and the changes that its output makes to the output commit."""

    state: DatumState
    reason: str
    stats: pps.ProcessStats
    output: Changes


@dataclass(frozen=True, slots=True)
class Machine:
    """The resources of this machine that all jobs share."""

    images: Mapping[str, Path]
    """The environment of each image, by its name."""
    isolation: Isolation
    folder: Path
    claims: Path
    """The folder with one folder for each PersistentVolumeClaim."""
    slots: threading.Semaphore


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What all workers of a server share: the stores and the machine.

    A job stays in JOB_RUNNING for at least ``settle`` seconds, so that clients that poll observe the state.
    """

    db: Database
    contents: Contents
    content: CommitContent
    reader: Reader
    machine: Machine
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
