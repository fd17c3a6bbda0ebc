"""Execution of a datum by a process of this machine: its input files, its command, its retries and its output."""

import errno
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from localpach.errors import PachError
from localpach.messages import SECOND, duration, nanoseconds, pps
from localpach.pfs.filesets import Changes
from localpach.pfs.listing import Tree
from localpach.pps.datums import Datum, DatumInput
from localpach.pps.execution import (
    Cancellation,
    CancelledError,
    FailedAttemptError,
    Machine,
    Outcome,
    TransferError,
    datum_variables,
    format_status,
)
from localpach.pps.logs import Writer
from localpach.pps.pod_patch import parse_pod_patch
from localpach.pps.states import DatumState
from localpach.refs import JobRef
from localpach.run.environment import kept_in_tmp, variables_in
from localpach.run.process import Command, Process
from localpach.run.quantity import parse_quantity
from localpach.run.tree import OUTPUT, read_output, remove_tree, write_input
from localpach.store.contents import Session

SLOT_RECHECK_SECONDS = 0.5


class DatumRunner:
    """Runs the datums of one job. ``tmp`` is the worker's `/tmp`."""

    def __init__(
        self, machine: Machine, job: JobRef, details: pps.PipelineInfo.Details, tmp: Path, cancelled: Cancellation
    ) -> None:
        self._machine = machine
        self._job = job
        self._details = details
        self._patch = parse_pod_patch(details.pod_patch)
        self._tmp = tmp
        self._cancelled = cancelled

    def run(self, datum: Datum, session: Session, opener: Callable[[DatumInput], Tree], log: Writer) -> Outcome:
        """Run a datum until it succeeds or its tries are used up. Raises CancelledError if the job is stopped."""
        stats = pps.ProcessStats()
        tries = max(1, self._details.datum_tries)
        reason = ""
        for attempt in range(1, tries + 1):
            stats = pps.ProcessStats()
            work = self._machine.folder / uuid.uuid4().hex
            try:
                return self._attempt(datum, session, opener, log, work, stats)
            except FailedAttemptError as error:
                reason = str(error)
                log.system(f"try {attempt} of {tries} failed: {reason}")
                if isinstance(error, TransferError):
                    log.user(reason)  # the command cannot say it, and clients look for causes in its lines
            finally:
                remove_tree(work)
        return Outcome(DatumState.FAILED, reason, stats, Changes())

    def _attempt(
        self,
        datum: Datum,
        session: Session,
        opener: Callable[[DatumInput], Tree],
        log: Writer,
        work: Path,
        stats: pps.ProcessStats,
    ) -> Outcome:
        pfs = work / "pfs"
        (pfs / OUTPUT).mkdir(parents=True)
        start = time.monotonic_ns()
        for each in datum.inputs:
            stats.download_bytes += self._download(each, opener(each), pfs)
        downloaded = time.monotonic_ns()
        stats.download_time.CopyFrom(duration(downloaded - start))
        log.system("beginning to run user code")
        timeout = nanoseconds(self._details.datum_timeout) if self._details.HasField("datum_timeout") else 0
        try:
            self._execute(datum, work, log, timeout)
        except FailedAttemptError as error:
            log.system(f"errored running user code after {_since(downloaded)}: {error}")
            raise
        finally:
            stats.process_time.CopyFrom(duration(time.monotonic_ns() - downloaded))
        processed = time.monotonic_ns()
        output = Changes()
        try:
            for path, parts in read_output(session, pfs, self._cancelled.check):
                output.append(path, datum.id, parts)
        except PachError as error:
            raise TransferError(str(error)) from None
        stats.upload_bytes = output.added_bytes()
        stats.upload_time.CopyFrom(duration(time.monotonic_ns() - processed))
        log.system(f"finished running user code after {_since(downloaded)}")
        log.system(f"uploaded {len(output.files)} files ({stats.upload_bytes} bytes)")
        log.system("finished processing the datum")
        return Outcome(DatumState.SUCCESS, "", stats, output)

    def _download(self, each: DatumInput, tree: Tree, pfs: Path) -> int:
        """Write the files of an input; return the number of bytes written."""
        entries = (entry for entry in tree.walk(each.path.rstrip("/") or "/") if not entry.is_dir)
        files = ((entry.path, () if each.empty_files else tree.read(entry)) for entry in entries)
        try:
            return write_input(pfs / each.name, files, self._cancelled.check)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            path = Path(error.filename).relative_to(pfs.parent)
            raise TransferError(f"{error.strerror}, rename it in its repo: /{path}") from None

    def _execute(self, datum: Datum, work: Path, log: Writer, timeout: int) -> None:
        scratch = work / "root"
        scratch.mkdir(exist_ok=True)
        transform = self._details.transform
        command = Command(
            words=list(transform.cmd),
            variables=self._variables(datum),
            stdin="".join(f"{line}\n" for line in transform.stdin).encode(),
            pfs=work / "pfs",
            scratch=scratch,
            tmp=self._tmp,
            tmp_keeps=kept_in_tmp(self._machine.images.values()),
            store=self._machine.folder.parent,
            mounts=self._mounts(),
            working_dir=transform.working_dir,
            memory=parse_quantity(self._details.resource_limits.memory) or 0,
        )
        with self._slot():
            status = self._run(command, log, timeout)
        if status:
            raise FailedAttemptError(format_status(status))

    def _run(self, command: Command, log: Writer, timeout: int) -> int:
        wake = threading.Event()
        self._cancelled.subscribe(wake)
        end = time.monotonic_ns() + timeout if timeout > 0 else None
        process = Process(command, self._machine.isolation, log.user, wake.set)
        try:
            while (status := process.status) is None:
                remaining = None if end is None else max(0.0, (end - time.monotonic_ns()) / SECOND)
                if self._cancelled.is_set:
                    process.kill()
                    raise CancelledError
                if remaining == 0.0:
                    process.kill()
                    raise FailedAttemptError("the datum timed out")
                wake.wait(remaining)
                wake.clear()  # later events are noticed by the checks above
        finally:
            self._cancelled.unsubscribe(wake)
        self._cancelled.check()
        return status

    @contextmanager
    def _slot(self) -> Iterator[None]:
        while not self._machine.slots.acquire(timeout=SLOT_RECHECK_SECONDS):
            self._cancelled.check()
        try:
            yield
        finally:
            self._machine.slots.release()

    def _mounts(self) -> dict[str, Path]:
        """Return the folders of claims by the path at which the command sees them; create those that are missing."""
        found = {path: self._machine.claims / folder for path, folder in self._patch.mounts.items()}
        for folder in found.values():
            folder.mkdir(parents=True, exist_ok=True)
        return found

    def _variables(self, datum: Datum) -> dict[str, str]:
        transform = self._details.transform
        variables = variables_in(self._machine.images.get(transform.image))
        variables |= dict(transform.env)
        variables |= self._patch.variables
        return variables | datum_variables(self._job, datum)


def _since(start: int) -> str:
    return f"{(time.monotonic_ns() - start) / SECOND:.3f}s"
