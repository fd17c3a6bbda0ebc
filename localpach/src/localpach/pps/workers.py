"""Workers: a thread for each pipeline that is not stopped, and one that starts and stops them."""

import contextlib
import logging
import random
import string
import threading
from dataclasses import replace

from localpach.errors import FULL, is_full, log_error
from localpach.pps import jobs, pipelines, specs
from localpach.pps.job_run import JobRun
from localpach.pps.logs import Line, Log, LogWriter
from localpach.pps.runner import Shared
from localpach.refs import PipelineRef
from localpach.run.tree import remove_tree
from localpach.state import Job, Pipeline, State
from localpach.states import JobState, PipelineState

log = logging.getLogger(__name__)

STARTUP_SECONDS = 0.7  # STARTING is observable, as in the real server, whose pods take seconds to start
STANDBY_SECONDS = 0.5
RESTART_SECONDS = 5.0
STOP_SECONDS = 15.0


class Worker(threading.Thread):
    """Moves a pipeline version through its states and runs its jobs."""

    def __init__(self, shared: Shared, pipeline: Pipeline) -> None:
        super().__init__(name=f"pipeline {pipeline.ref} v{pipeline.version}", daemon=True)
        self.pipeline = pipeline
        self.pod_name = pod_name(pipeline)
        self.ready = False
        self.running_job = ""
        self.log = Log()
        self._shared = shared
        self._model = shared.model
        self._tmp = shared.work / f"tmp-{self.pod_name}"
        self._stopping = False

    def stop(self) -> None:
        self._stopping = True
        self._model.wake()

    def run(self) -> None:
        """Run jobs until the version is stopped, replaced or deleted, or the server stops."""
        while not self._stopping:
            try:
                self._tmp.mkdir(parents=True, exist_ok=True)
                self._tmp.chmod(0o1777)
                self._serve()
                break
            except Exception as error:  # a bug or a full disk, which must not end the worker
                log_error(log, f"error in the worker of {self.pipeline.ref}", error)
                self._pause(RESTART_SECONDS)
        self.ready = False
        self.log.close()
        remove_tree(self._tmp)

    def _serve(self) -> None:
        details = pipelines.message(self.pipeline).details
        if self._state() in (PipelineState.STARTING, PipelineState.PAUSED):
            self._pause(STARTUP_SECONDS)
        if not details.transform.cmd:
            self._set_state(PipelineState.FAILURE, "nothing to run: no transform.cmd")
            return
        self._enter(standby=details.autoscaling)
        while not self._stopping:
            idle = STANDBY_SECONDS if details.autoscaling and self.ready else None
            job = self._model.wait(lambda state: self._stopping or self._next_job(state), idle)
            if isinstance(job, Job):
                self._enter(standby=False)
                self._run_job(job)
            elif not self._stopping:
                self._enter(standby=True)

    def _run_job(self, job: Job) -> None:
        writer = LogWriter(self.log, Line(job.key, self.pod_name))
        run = JobRun(self._shared, self.pipeline, job, self._tmp, writer, lambda: self._stopping)
        self.running_job = job.key.id
        try:
            run.run()
        except Exception as error:  # a bug or a full disk, which must not end the worker
            log_error(log, f"error in job {job.key}", error)
            reason = FULL if is_full(error) else f"internal error in localpach, see its log: {error}"
            writer.system(reason)
            with self._model.change() as txn:
                current = txn.jobs.get(job.key)
                if current is not None and not current.state.final:
                    jobs.end(txn, self._shared.files, current, JobState.FAILURE, reason)
        finally:
            self.running_job = ""

    def _next_job(self, state: State) -> Job | None:
        if not _is_same(pipelines.latest(state, self.pipeline.ref), self.pipeline):
            return None  # deleted or replaced: its jobs belong to another worker, whatever their version
        return next(
            (
                job
                for job in state.jobs.values()
                if (job.key.pipeline, job.version) == (self.pipeline.ref, self.pipeline.version) and not job.state.final
            ),
            None,
        )

    def _enter(self, *, standby: bool) -> None:
        """Get workers, or give them up together with their log."""
        if standby:
            self.ready = False
            self.log.close()
            self.log = Log()
            self._set_state(PipelineState.STANDBY, workers=0)
        elif not self.ready:
            details = pipelines.message(self.pipeline).details
            self.ready = not self._stopping
            self._set_state(PipelineState.RUNNING, workers=specs.expected_workers(details))

    def _pause(self, seconds: float) -> None:
        self._model.wait(lambda _: self._stopping or None, seconds)

    def _state(self) -> PipelineState | None:
        found = self._model.state.pipelines.get(self.pipeline.key)
        return None if found is None else found.state

    def _set_state(self, state: PipelineState, reason: str = "", workers: int | None = None) -> None:
        with self._model.change() as txn:
            found = pipelines.latest(txn, self.pipeline.ref)
            if found is None or not _is_same(found, self.pipeline) or found.stopped or self._stopping:
                return
            parallelism = found.parallelism if workers is None else workers
            txn.pipelines[found.key] = replace(found, state=state, reason=reason, parallelism=parallelism)


class Master:
    """Runs one worker for each pipeline that is not stopped."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._workers: dict[PipelineRef, Worker] = {}
        self._ending: list[Worker] = []
        self._stopped = False
        self._thread = threading.Thread(target=self._watch, name="pipelines", daemon=True)

    def start(self) -> None:
        """Start the workers of all pipelines, which resume the unfinished jobs of an earlier run."""
        remove_tree(self._shared.work)
        self._shared.work.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._thread.start()

    def worker(self, pipeline: Pipeline) -> Worker | None:
        """Return the worker of exactly this version, or None if it has no ready worker."""
        worker = self._workers.get(pipeline.ref)
        return worker if worker is not None and _is_same(pipeline, worker.pipeline) and worker.ready else None

    def stop(self) -> None:
        """Stop all workers and the processes of their jobs, which resume when the server starts again."""
        self._stopped = True
        self._shared.model.wake()
        self._thread.join()
        workers = [*self._workers.values(), *self._ending]
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.join(STOP_SECONDS)

    def _watch(self) -> None:
        while not self._stopped:
            self._shared.model.wait(lambda state: self._stopped or self._is_outdated(state) or None)
            with contextlib.suppress(RuntimeError):  # no thread can be started
                self._refresh(self._shared.model.state)

    def _is_outdated(self, state: State) -> bool:
        desired = _running(state)
        return desired.keys() != self._workers.keys() or any(
            not _serves(self._workers[ref], pipeline) for ref, pipeline in desired.items()
        )

    def _refresh(self, state: State) -> None:
        desired = {} if self._stopped else _running(state)
        self._ending = [worker for worker in self._ending if worker.is_alive()]
        for ref, worker in list(self._workers.items()):
            if ref not in desired or not _serves(worker, desired[ref]):
                worker.stop()
                self._ending.append(self._workers.pop(ref))
        for ref, pipeline in desired.items():
            if ref not in self._workers:
                self._workers[ref] = Worker(self._shared, pipeline)
                self._workers[ref].start()


def pod_name(pipeline: Pipeline) -> str:
    """Return a pod name in the form that Kubernetes would generate for the worker."""
    suffix = "".join(random.choices(string.ascii_lowercase + string.digits, k=5))
    return f"{specs.kubernetes_name(pipeline.ref.project, pipeline.ref.name, pipeline.version)}-{suffix}"


def _is_same(pipeline: Pipeline | None, other: Pipeline) -> bool:
    """Return whether two are the same version, not one of a pipeline that was deleted and created again."""
    return pipeline is not None and (pipeline.key, pipeline.info) == (other.key, other.info)


def _running(state: State) -> dict[PipelineRef, Pipeline]:
    """Return the current version of each pipeline that is not stopped."""
    newest = {each.ref: each for each in state.pipelines.values()}
    return {ref: each for ref, each in newest.items() if not each.stopped}


def _serves(worker: Worker, pipeline: Pipeline) -> bool:
    """Return whether a worker is that of a pipeline as it is now, not of one that was stopped and started again."""
    return _is_same(pipeline, worker.pipeline) and not (pipeline.state == PipelineState.PAUSED and worker.ready)
