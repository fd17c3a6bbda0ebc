"""Execution of a datum by a process of this machine: its input files, its command, its retries and its output."""

import errno
import signal
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from localpach.errors import PachError
from localpach.messages import pps
from localpach.model import Model
from localpach.pfs.files import Edit, Files
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


@dataclass(frozen=True, slots=True)
class DatumRunner:
    """Runs the datums of one job. ``tmp`` is the worker's `/tmp`; ``cancelled`` tells whether the job was stopped."""

    shared: Shared
    job: pps.Job
    details: pps.PipelineInfo.Details
    tmp: Path
    cancelled: Callable[[], bool]

    def run(self, datum: Datum, log: LogWriter) -> list[Edit] | None:
        """Run a datum until it succeeds; return its output, None once its tries are used up.

        Raises CancelledError if the job is stopped.
        """
        tries = max(1, self.details.datum_tries)
        for attempt in range(1, tries + 1):
            work = self.shared.work / uuid.uuid4().hex
            try:
                return self._attempt(datum, log, work)
            except FailedAttemptError as error:
                log.write(f"try {attempt} of {tries} failed: {error}")
            finally:
                remove_tree(work)
        return None

    def _attempt(self, datum: Datum, log: LogWriter, work: Path) -> list[Edit]:
        pfs = work / "pfs"
        (pfs / OUTPUT).mkdir(parents=True)
        for each in datum.inputs:
            self._download(each, pfs, log)
        started = time.monotonic()
        log.write("beginning to run user code")
        try:
            self._execute(datum, work, log)
        except FailedAttemptError as error:
            log.write(f"errored running user code after {time.monotonic() - started:.3f}s: {error}")
            raise
        log.write(f"finished running user code after {time.monotonic() - started:.3f}s")
        try:
            found = read_output(self.shared.files.contents, pfs, self._check)
            output = [Edit(path, datum.id, content) for path, content in found]
        except PachError as error:
            log.user(str(error))  # the command cannot say it, and clients look for causes in its lines
            raise FailedAttemptError(str(error)) from None
        log.write(f"uploaded {len(output)} files")
        return output

    def _download(self, each: DatumInput, pfs: Path, log: LogWriter) -> None:
        read = self.shared.files.contents.read
        found = [(entry.path, entry.content) for entry in each.tree.walk(each.path.rstrip("/") or "/")]
        files = ((path, () if each.source.empty_files else read(content)) for path, content in found if content)
        try:
            write_input(pfs / each.source.name, files, self._check)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            why = f"{error.strerror}, rename it in its repo: /{Path(error.filename).relative_to(pfs.parent)}"
            log.user(why)
            raise FailedAttemptError(why) from None

    def _execute(self, datum: Datum, work: Path, log: LogWriter) -> None:
        scratch = work / "root"
        scratch.mkdir()
        patch = parse_pod_patch(self.details.pod_patch)
        claims = {path: self.shared.model.root / "claims" / folder for path, folder in patch.mounts.items()}
        for folder in claims.values():
            folder.mkdir(parents=True, exist_ok=True)
        command = Command(
            words=list(self.details.transform.cmd),
            variables=self._variables(datum) | patch.variables,
            mounts={"/pfs": work / "pfs", **claims},
            scratch=scratch,
            tmp=self.tmp,
            tmp_keeps=kept_in_tmp(self.shared.images.values()),
            store=self.shared.model.root,
        )
        self._check()
        try:
            process = Process(command, self.shared.isolation, log.user, self.shared.model.wake)
        except (OSError, ValueError) as error:  # words that no process can have
            raise FailedAttemptError(f"cannot start the command: {error}") from None
        self.shared.model.wait(lambda _: process.status is not None or self.cancelled() or None)
        if process.status is None:
            process.kill()
        self._check()
        if process.status:
            raise FailedAttemptError(format_status(process.status))

    def _check(self) -> None:
        if self.cancelled():
            raise CancelledError

    def _variables(self, datum: Datum) -> dict[str, str]:
        found = variables_in(self.shared.images.get(self.details.transform.image))
        found |= {"PPS_PIPELINE_NAME": self.job.pipeline.name, "PPS_PROJECT_NAME": self.job.pipeline.project.name}
        for each in datum.inputs:
            name = each.source.name
            found |= {name: f"/pfs/{name}{each.path}".rstrip("/"), f"{name}_COMMIT": each.commit}
        ids = {"PACH_DATUM_ID": datum.id, "PACH_JOB_ID": self.job.id, "PACH_OUTPUT_COMMIT_ID": self.job.id}
        return found | ids


def format_status(status: int) -> str:
    """Format an exit status of a shell in the words of Go."""
    name = signal.strsignal(status - FROM_SIGNAL) if FROM_SIGNAL < status < FROM_SIGNAL + signal.NSIG else None
    return f"signal: {name.lower()}" if name else f"exit status {status}"
