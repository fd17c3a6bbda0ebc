"""The worker of a pipeline version: one thread that moves the pipeline through its states and runs its jobs."""

from __future__ import annotations

import contextlib
import logging
import random
import shutil
import string
import threading
from pathlib import Path

from localpach.errors import JobFinishedError, NotFoundError
from localpach.pps import jobs, pipelines
from localpach.pps.admission import Fate, judge
from localpach.pps.context import WorkerContext
from localpach.pps.job_run import JobRun
from localpach.pps.logs import Logs, Writer
from localpach.pps.pipelines import Pipeline
from localpach.pps.runner import Cancellation
from localpach.pps.states import JobState, PipelineState
from localpach.pps.validation import kubernetes_name

log = logging.getLogger(__name__)

STARTUP_SECONDS = 0.7  # so that STARTING can be seen, as with a real server, whose pods take seconds
STANDBY_SECONDS = 0.5
IDLE_SECONDS = 30.0
ATTEMPTS = 5
FIRST_BACKOFF_SECONDS = 1.0


_STATES = {
    Fate.REFUSED: PipelineState.FAILURE,
    Fate.CRASH: PipelineState.CRASHING,
    Fate.NEVER_COME: PipelineState.RUNNING,
}


class Worker(threading.Thread):
    """The worker of one pipeline version."""

    def __init__(self, context: WorkerContext, logs: Logs, pipeline: Pipeline, folder: Path) -> None:
        super().__init__(name=f"pipeline {pipeline.ref} v{pipeline.version}", daemon=True)
        self.pipeline = pipeline
        self.name_of_pod = pod_name(pipeline)
        self.up = False
        self.running_job = ""
        self._context = context
        self._logs = logs
        self._tmp = folder / f"tmp-{pipeline.id}"
        self._ended = Cancellation()
        self._current: JobRun | None = None
        self._failures: dict[int, int] = {}

    def end(self) -> None:
        """Stop, killing what runs."""
        self._ended.set()
        current = self._current
        if current is not None:
            current.cancelled.set()

    def run(self) -> None:
        """Live until the version is stopped, replaced or deleted, or the server stops."""
        self._tmp.mkdir(parents=True, exist_ok=True)
        self._tmp.chmod(0o1777)
        try:
            self._live()
        except Exception:  # a bug: told in the log, and the worker counts as gone
            log.exception("the worker of %s has failed", self.pipeline.ref)
        finally:
            self.up = False
            shutil.rmtree(self._tmp, ignore_errors=True)

    def _live(self) -> None:
        if self._state() in (PipelineState.STARTING, PipelineState.PAUSED) and self._ended.wait(STARTUP_SECONDS):
            return
        details = self.pipeline.message().details
        verdict = judge(self.pipeline.ref, self.pipeline.version, details)
        if verdict.fate is not Fate.RUN:
            self._move(_STATES[verdict.fate], verdict.reason)
            return
        if details.autoscaling:
            self._stand_by()
        else:
            self._wake()
        self._serve(autoscaling=details.autoscaling)

    def _serve(self, *, autoscaling: bool) -> None:
        with self._context.db.changes.watching(("jobs of", self.pipeline.ref)) as changed:
            self._ended.wake(changed)
            while not self._ended.is_set:
                changed.clear()
                job = self._next_job()
                if job is not None:
                    if autoscaling:
                        self._wake()
                    self._carry_out(job)
                elif autoscaling and self._state() == PipelineState.RUNNING:
                    if not changed.wait(STANDBY_SECONDS):
                        self._stand_by()
                else:
                    changed.wait(IDLE_SECONDS)

    def _carry_out(self, job: jobs.Job) -> None:
        writer = Writer(self._logs, self.pipeline.id, self.name_of_pod, job.ref)
        run = JobRun(self._context, self.pipeline, job, self._tmp, writer)
        self._current = run
        self._ended_while(run)
        with self._context.db.changes.watching(("job", job.ref)) as changed:
            watcher = threading.Thread(target=self._watch_job, args=(job, run, changed), daemon=True)
            watcher.start()
            self.running_job = job.ref.id
            try:
                run.carry_out()
            except Exception as error:  # a bug of the server must neither end the worker nor keep it busy for ever
                log.exception("job %s failed inside the server", job.ref)
                self._retry_or_fail(job, writer, error)
            else:
                self._failures.pop(job.id, None)
            finally:
                self.running_job = ""
                self._current = None
                run.cancelled.set()
                changed.set()
                watcher.join()

    def _retry_or_fail(self, job: jobs.Job, writer: Writer, error: Exception) -> None:
        """Wait before the next attempt at a job, or end it with FAILURE after the last."""
        failures = self._failures[job.id] = self._failures.get(job.id, 0) + 1
        if failures < ATTEMPTS:
            writer.system(f"attempt {failures} of {ATTEMPTS} failed inside the server, retrying: {error}")
            self._ended.wait(FIRST_BACKOFF_SECONDS * 2 ** (failures - 1))
            return
        del self._failures[job.id]
        reason = f"failed inside localpach {ATTEMPTS} times, see its log: {error}"
        writer.system(reason)
        with contextlib.suppress(NotFoundError, JobFinishedError), self._context.db.write() as txn:
            jobs.end(txn, self._context.content, job, JobState.FAILURE, reason)

    def _ended_while(self, run: JobRun) -> None:
        if self._ended.is_set:
            run.cancelled.set()

    def _watch_job(self, job: jobs.Job, run: JobRun, changed: threading.Event) -> None:
        """Tell a run when its job is ended by somebody else."""
        while not run.cancelled.is_set:
            changed.clear()
            with self._context.db.read() as txn:
                now = jobs.find(txn, job.ref)
            if now is None or now.id != job.id or now.state.final:
                run.cancelled.set()
                return
            if not run.cancelled.is_set:
                changed.wait()

    def _next_job(self) -> jobs.Job | None:
        with self._context.db.read() as txn:
            waiting = jobs.unfinished(txn, self.pipeline.ref)
        return next((job for job in waiting if job.version == self.pipeline.version), None)

    def _wake(self) -> None:
        self._logs.open(self.pipeline.id)
        self._move(PipelineState.RUNNING, workers=pipelines.expected_workers(self.pipeline.message().details))
        self.up = not self._ended.is_set

    def _stand_by(self) -> None:
        self.up = False
        self._move(PipelineState.STANDBY, workers=0)
        self._logs.discard(self.pipeline.id)

    def _state(self) -> PipelineState:
        with self._context.db.read() as txn:
            found = pipelines.find_latest(txn, self.pipeline.ref)
        return PipelineState.UNKNOWN if found is None or found.id != self.pipeline.id else found.state

    def _move(self, state: PipelineState, reason: str = "", workers: int | None = None) -> None:
        with self._context.db.write() as txn:
            found = pipelines.find_latest(txn, self.pipeline.ref)
            if found is None or found.id != self.pipeline.id or found.stopped or found.state == state:
                return
            pipelines.set_state(txn, found, state, reason)
            if workers is not None:
                pipelines.set_parallelism(txn, found, workers)


def pod_name(pipeline: Pipeline) -> str:
    """A name as Kubernetes would give the worker's pod."""
    suffix = "".join(random.choices(string.ascii_lowercase + string.digits, k=5))
    return f"{kubernetes_name(pipeline.ref.project, pipeline.ref.name, pipeline.version)}-{suffix}"
