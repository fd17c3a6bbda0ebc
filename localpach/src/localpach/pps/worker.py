"""The worker of a pipeline version: one thread that moves the pipeline through its states and runs its jobs."""

import contextlib
import logging
import random
import string
import threading
from pathlib import Path

from localpach.errors import JobFinishedError, NotFoundError
from localpach.pps import jobs, pipelines
from localpach.pps.execution import Cancellation, WorkerContext
from localpach.pps.job_run import JobRun
from localpach.pps.logs import Logs, Writer
from localpach.pps.pipelines import Pipeline
from localpach.pps.states import JobState, PipelineState
from localpach.pps.validation import kubernetes_name
from localpach.run.tree import remove_tree
from localpach.store.disk import FULL, is_full, log_error

log = logging.getLogger(__name__)

STARTUP_SECONDS = 0.7  # STARTING is observable, as in the real server, whose pods take seconds to start
STANDBY_SECONDS = 0.5
IDLE_SECONDS = 30.0
ATTEMPTS = 5
FIRST_BACKOFF_SECONDS = 1.0
RESTART_SECONDS = 5.0


class Worker(threading.Thread):
    def __init__(self, shared: WorkerContext, logs: Logs, pipeline: Pipeline, folder: Path) -> None:
        super().__init__(name=f"pipeline {pipeline.ref} v{pipeline.version}", daemon=True)
        self.pipeline = pipeline
        self.pod_name = pod_name(pipeline)
        self.ready = False
        self.running_job = ""
        self._shared = shared
        self._logs = logs
        self._tmp = folder / f"tmp-{self.pod_name}"  # a worker that still stops has another one
        self._stopping = Cancellation()
        self._current: JobRun | None = None
        self._failures: dict[int, int] = {}

    def stop(self) -> None:
        self._stopping.set()
        current = self._current
        if current is not None:
            current.cancelled.set()

    def run(self) -> None:
        """Run jobs until the version is stopped, replaced or deleted, or the server stops."""
        try:
            while not self._stopping.is_set:
                try:
                    self._start_and_serve()
                except Exception as error:  # a bug or a full disk, which must not end the worker
                    log_error(log, f"error in the worker of {self.pipeline.ref}", error)
                else:
                    return
                finally:
                    self.ready = False
                self._stopping.wait(RESTART_SECONDS)
        finally:
            remove_tree(self._tmp)

    def _start_and_serve(self) -> None:
        self._tmp.mkdir(parents=True, exist_ok=True)
        self._tmp.chmod(0o1777)
        if self._state() in (PipelineState.STARTING, PipelineState.PAUSED) and self._stopping.wait(STARTUP_SECONDS):
            return
        details = self.pipeline.message().details
        if not details.transform.cmd:
            self._set_state(PipelineState.FAILURE, "nothing to run: no transform.cmd")
            return
        if details.autoscaling:
            self._enter_standby()
        else:
            self._enter_running()
        self._serve(autoscaling=details.autoscaling)

    def _serve(self, *, autoscaling: bool) -> None:
        with self._shared.db.notifier.subscribe(("jobs of", self.pipeline.ref)) as changed:
            self._stopping.subscribe(changed)
            while not self._stopping.is_set:
                changed.clear()
                job = self._next_job()
                if job is not None:
                    if autoscaling:
                        self._enter_running()
                    self._run_job(job)
                elif autoscaling and self._state() == PipelineState.RUNNING:
                    if not changed.wait(STANDBY_SECONDS):
                        self._enter_standby()
                else:
                    changed.wait(IDLE_SECONDS)

    def _run_job(self, job: jobs.Job) -> None:
        writer = Writer(self._logs, self.pipeline.id, self.pod_name, job.ref)
        run = JobRun(self._shared, self.pipeline, job, self._tmp, writer)
        self._current = run
        self._cancel_if_stopping(run)
        with self._shared.db.notifier.subscribe(("job", job.ref)) as changed:
            watcher = threading.Thread(target=self._watch_job, args=(job, run, changed), daemon=True)
            watcher.start()
            self.running_job = job.ref.id
            try:
                run.run()
            except Exception as error:  # a bug must neither end the worker nor be retried forever
                log_error(log, f"error in job {job.ref}", error)
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
            writer.system(f"internal error in attempt {failures} of {ATTEMPTS}, retrying: {error}")
            self._stopping.wait(FIRST_BACKOFF_SECONDS * 2 ** (failures - 1))
            return
        del self._failures[job.id]
        cause = FULL if is_full(error) else f"internal error in localpach, see its log: {error}"
        reason = f"{ATTEMPTS} attempts failed: {cause}"
        writer.system(reason)
        with contextlib.suppress(NotFoundError, JobFinishedError), self._shared.db.write() as txn:
            jobs.end(txn, self._shared.content, job, JobState.FAILURE, reason)

    def _cancel_if_stopping(self, run: JobRun) -> None:
        if self._stopping.is_set:
            run.cancelled.set()

    def _watch_job(self, job: jobs.Job, run: JobRun, changed: threading.Event) -> None:
        """Cancel a run when its job is ended or deleted by a call."""
        while not run.cancelled.is_set:
            changed.clear()
            with self._shared.db.read() as txn:
                now = jobs.find(txn, job.ref)
            if now is None or now.id != job.id or now.state.final:
                run.cancelled.set()
                return
            if not run.cancelled.is_set:
                changed.wait()

    def _next_job(self) -> jobs.Job | None:
        with self._shared.db.read() as txn:
            current = pipelines.find_latest(txn, self.pipeline.ref)
            waiting = jobs.unfinished(txn, self.pipeline.ref)
        if current is None or current.id != self.pipeline.id:
            return None  # deleted or replaced: its jobs belong to another worker, whatever their version
        return next((job for job in waiting if job.version == self.pipeline.version), None)

    def _enter_running(self) -> None:
        self._logs.open(self.pipeline.id)
        self._set_state(PipelineState.RUNNING, workers=pipelines.expected_workers(self.pipeline.message().details))
        self.ready = not self._stopping.is_set

    def _enter_standby(self) -> None:
        self.ready = False
        self._set_state(PipelineState.STANDBY, workers=0)
        self._logs.discard(self.pipeline.id)

    def _state(self) -> PipelineState:
        with self._shared.db.read() as txn:
            found = pipelines.find_latest(txn, self.pipeline.ref)
        return PipelineState.UNKNOWN if found is None or found.id != self.pipeline.id else found.state

    def _set_state(self, state: PipelineState, reason: str = "", workers: int | None = None) -> None:
        with self._shared.db.write() as txn:
            found = pipelines.find_latest(txn, self.pipeline.ref)
            if found is None or found.id != self.pipeline.id or found.stopped:
                return
            if (found.state, found.reason) == (state, reason):
                return
            pipelines.set_state(txn, found, state, reason)
            if workers is not None:
                pipelines.set_parallelism(txn, found, workers)


def pod_name(pipeline: Pipeline) -> str:
    """Return a pod name in the form that Kubernetes would generate for the worker."""
    suffix = "".join(random.choices(string.ascii_lowercase + string.digits, k=5))
    return f"{kubernetes_name(pipeline.ref.project, pipeline.ref.name, pipeline.version)}-{suffix}"
