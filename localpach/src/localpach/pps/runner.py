"""Execution of a datum by a process of this machine: its input files, its command, its retries and its output."""

import errno
import signal
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from localpach.errors import PachError
from localpach.messages import SECOND, duration, nanoseconds, pps
from localpach.model import Model
from localpach.pfs.files import Changes, Files
from localpach.pps.datums import Datum, DatumInput
from localpach.pps.logs import LogWriter
from localpach.pps.specs import parse_pod_patch
from localpach.run.isolation import Command, Isolation, kept_in_tmp, variables_in
from localpach.run.process import Process
from localpach.run.tree import OUTPUT, read_output, remove_tree, write_input

FROM_SIGNAL = 128


class CancelledError(Exception):
    """An error because the job was stopped or deleted, or the server stops, while it was running."""


class FailedAttemptError(Exception):
    """An error because an attempt to process a datum failed."""


class TransferError(FailedAttemptError):
    """An error because input files could not be written or output files could not be stored."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a datum: whether it succeeded, and the changes that its output makes to the output commit."""

    success: bool
    stats: pps.ProcessStats
    output: Changes


@dataclass(frozen=True, slots=True)
class Shared:
    """What the workers of a server share. A job stays in JOB_RUNNING for at least ``settle`` seconds."""

    model: Model
    files: Files
    images: Mapping[str, Path]
    """The environment of each image, by its name."""
    isolation: Isolation
    settle: float

    @property
    def work(self) -> Path:
        return self.model.root / "work"


class DatumRunner:
    """Runs the datums of one job. ``tmp`` is the worker's `/tmp`; ``cancelled`` tells whether the job was stopped."""

    def __init__(
        self, shared: Shared, job: pps.Job, details: pps.PipelineInfo.Details, tmp: Path, cancelled: Callable[[], bool]
    ) -> None:
        self._shared = shared
        self._job = job
        self._details = details
        self._patch = parse_pod_patch(details.pod_patch)
        self._tmp = tmp
        self._cancelled = cancelled

    def run(self, datum: Datum, log: LogWriter) -> Outcome:
        """Run a datum until it succeeds or its tries are used up. Raises CancelledError if the job is stopped."""
        stats = pps.ProcessStats()
        tries = max(1, self._details.datum_tries)
        for attempt in range(1, tries + 1):
            stats = pps.ProcessStats()
            work = self._shared.work / uuid.uuid4().hex
            try:
                return self._attempt(datum, log, work, stats)
            except FailedAttemptError as error:
                log.write(f"try {attempt} of {tries} failed: {error}")
                if isinstance(error, TransferError):
                    log.user(str(error))  # the command cannot say it, and clients look for causes in its lines
            finally:
                remove_tree(work)
        return Outcome(success=False, stats=stats, output=Changes())

    def _attempt(self, datum: Datum, log: LogWriter, work: Path, stats: pps.ProcessStats) -> Outcome:
        pfs = work / "pfs"
        (pfs / OUTPUT).mkdir(parents=True)
        start = time.monotonic_ns()
        for each in datum.inputs:
            stats.download_bytes += self._download(each, pfs)
        downloaded = time.monotonic_ns()
        stats.download_time.CopyFrom(duration(downloaded - start))
        log.write("beginning to run user code")
        try:
            self._execute(datum, work, log)
        except FailedAttemptError as error:
            log.write(f"errored running user code after {_since(downloaded)}: {error}")
            raise
        finally:
            stats.process_time.CopyFrom(duration(time.monotonic_ns() - downloaded))
        processed = time.monotonic_ns()
        output = Changes()
        try:
            for path, content in read_output(self._shared.files.contents, pfs, self._check):
                self._shared.files.append(output, path, datum.id, content)
        except PachError as error:
            raise TransferError(str(error)) from None
        stats.upload_bytes = output.added_bytes
        stats.upload_time.CopyFrom(duration(time.monotonic_ns() - processed))
        log.write(f"finished running user code after {_since(downloaded)}")
        log.write(f"uploaded {len(output.files)} files ({stats.upload_bytes} bytes)")
        log.write("finished processing the datum")
        return Outcome(success=True, stats=stats, output=output)

    def _download(self, each: DatumInput, pfs: Path) -> int:
        """Write the files of an input; return the number of bytes written."""
        read = self._shared.files.contents.read
        found = [(entry.path, entry.content) for entry in each.tree.walk(each.path.rstrip("/") or "/")]
        files = ((path, () if each.source.empty_files else read(content)) for path, content in found if content)
        try:
            return write_input(pfs / each.source.name, files, self._check)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            path = Path(error.filename).relative_to(pfs.parent)
            raise TransferError(f"{error.strerror}, rename it in its repo: /{path}") from None

    def _execute(self, datum: Datum, work: Path, log: LogWriter) -> None:
        scratch = work / "root"
        scratch.mkdir()
        transform = self._details.transform
        command = Command(
            words=list(transform.cmd),
            variables=self._variables(datum),
            stdin="".join(f"{line}\n" for line in transform.stdin).encode(),
            mounts={"/pfs": work / "pfs", **self._claims()},
            scratch=scratch,
            tmp=self._tmp,
            tmp_keeps=kept_in_tmp(self._shared.images.values()),
            store=self._shared.model.root,
            working_dir=transform.working_dir,
        )
        self._check()
        try:
            process = Process(command, self._shared.isolation, log.user, self._shared.model.wake)
        except (OSError, ValueError) as error:  # words that no process can have
            raise FailedAttemptError(f"cannot start the command: {error}") from None
        status = self._status(process)
        if status:
            raise FailedAttemptError(format_status(status))

    def _status(self, process: Process) -> int:
        timeout = nanoseconds(self._details.datum_timeout) if self._details.HasField("datum_timeout") else 0
        limit = timeout / SECOND if timeout > 0 else None
        self._shared.model.wait(lambda _: process.status is not None or self._cancelled() or None, limit)
        status = process.status
        if status is None:
            process.kill()
        self._check()
        if status is None:
            raise FailedAttemptError("the datum timed out")
        return status

    def _check(self) -> None:
        if self._cancelled():
            raise CancelledError

    def _claims(self) -> dict[str, Path]:
        """Return the folders of claims by the path at which the command sees them; create those that are missing."""
        claims = self._shared.model.root / "claims"
        found = {path: claims / folder for path, folder in self._patch.mounts.items()}
        for folder in found.values():
            folder.mkdir(parents=True, exist_ok=True)
        return found

    def _variables(self, datum: Datum) -> dict[str, str]:
        transform = self._details.transform
        found = variables_in(self._shared.images.get(transform.image))
        found |= dict(transform.env)
        found |= self._patch.variables
        found |= {"PPS_PIPELINE_NAME": self._job.pipeline.name, "PPS_PROJECT_NAME": self._job.pipeline.project.name}
        for each in datum.inputs:
            name = each.source.name
            found |= {name: f"/pfs/{name}{each.path}".rstrip("/"), f"{name}_COMMIT": each.commit}
        ids = {"PACH_DATUM_ID": datum.id, "PACH_JOB_ID": self._job.id, "PACH_OUTPUT_COMMIT_ID": self._job.id}
        return found | ids


def format_status(status: int) -> str:
    """Format an exit status of a shell in the words of Go."""
    name = signal.strsignal(status - FROM_SIGNAL) if FROM_SIGNAL < status < FROM_SIGNAL + signal.NSIG else None
    return f"signal: {name.lower()}" if name else f"exit status {status}"


def _since(start: int) -> str:
    return f"{(time.monotonic_ns() - start) / SECOND:.3f}s"
