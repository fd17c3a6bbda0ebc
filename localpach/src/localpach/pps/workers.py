"""Workers: a thread for each pipeline that is not stopped, and one that starts and stops them."""

import contextlib
import logging
import threading
import uuid

from localpach.errors import FULL, is_full, log_error
from localpach.messages import FINAL, key, pps, shown
from localpach.pps import jobs, pipelines, specs
from localpach.pps.job_run import JobRun
from localpach.pps.logs import Log, LogWriter
from localpach.pps.runner import Shared
from localpach.run.tree import remove_tree
from localpach.state import State, owned, owner

log = logging.getLogger(__name__)

STARTUP_SECONDS = 0.7  # STARTING is observable, as in the real server, whose pods take seconds to start
STANDBY_SECONDS = 0.5
RESTART_SECONDS = 5.0
STOP_SECONDS = 15.0


class Worker(threading.Thread):
    """Moves a pipeline version through its states and runs its jobs."""

    def __init__(self, shared: Shared, pipeline: pps.PipelineInfo) -> None:
        super().__init__(name=f"pipeline {shown(pipeline.pipeline)} v{pipeline.version}", daemon=True)
        self.pipeline = pipeline
        # In the form that Kubernetes would generate.
        self.pod_name = f"{specs.kubernetes_name(pipeline.pipeline, pipeline.version)}-{uuid.uuid4().hex[:5]}"
        self.ready = False
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
                log_error(log, f"error in the worker of {shown(self.pipeline.pipeline)}", error)
                self._pause(RESTART_SECONDS)
        self.ready = False
        self.log.close()
        remove_tree(self._tmp)

    def _serve(self) -> None:
        details = self.pipeline.details
        found = pipelines.latest(self._model.state, self.pipeline.pipeline)
        if found is not None and found.state in (pps.PIPELINE_STARTING, pps.PIPELINE_PAUSED):
            self._pause(STARTUP_SECONDS)
        if not details.transform.cmd:
            self._set_state(pps.PIPELINE_FAILURE, "nothing to run: no transform.cmd")
            return
        self._enter(standby=details.autoscaling)
        while not self._stopping:
            idle = STANDBY_SECONDS if details.autoscaling and self.ready else None
            job = self._model.wait(lambda state: self._stopping or self._next_job(state), idle)
            if job is not None and not self._stopping:
                self._enter(standby=False)
                self._run_job(job)
            elif not self._stopping:
                self._enter(standby=True)

    def _run_job(self, job: pps.Job) -> None:
        names = {"project_name": job.pipeline.project.name, "pipeline_name": job.pipeline.name, "job_id": job.id}
        writer = LogWriter(self.log, pps.LogMessage(**names, worker_id=self.pod_name))
        run = JobRun(self._shared, self.pipeline.details, job, self._tmp, writer, lambda: self._stopping)
        try:
            run.run()
        except Exception as error:  # a bug or a full disk, which must not end the worker
            log_error(log, f"error in job {shown(job)}", error)
            reason = FULL if is_full(error) else f"internal error in localpach, see its log: {error}"
            writer.write(reason)
            with self._model.change() as txn:
                jobs.end(txn, self._shared.files, job, pps.JOB_FAILURE, reason)

    def _next_job(self, state: State) -> pps.Job | None:
        ref = self.pipeline.pipeline
        if not _is_same(pipelines.latest(state, ref), self.pipeline):
            return None  # deleted or replaced: its jobs belong to another worker, whatever their version
        oldest_first = reversed(owned(state.jobs, key(ref)))
        found = (each for each in oldest_first if each.pipeline_version == self.pipeline.version)
        return next((each.job for each in found if each.state not in FINAL), None)

    def _enter(self, *, standby: bool) -> None:
        """Get workers, or give them up together with their log."""
        if standby:
            self.ready = False
            self.log.close()
            self.log = Log()
            self._set_state(pps.PIPELINE_STANDBY)
        elif not self.ready:
            self.ready = not self._stopping
            self._set_state(pps.PIPELINE_RUNNING)

    def _pause(self, seconds: float) -> None:
        self._model.wait(lambda _: self._stopping or None, seconds)

    def _set_state(self, state: int, reason: str = "") -> None:
        with self._model.change() as txn:
            found = pipelines.latest(txn, self.pipeline.pipeline)
            if found is None or not _is_same(found, self.pipeline) or found.stopped or self._stopping:
                return
            pipelines.replace(txn, found, state=state, reason=reason)


class Master(threading.Thread):
    """Runs one worker for each pipeline that is not stopped."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(name="pipelines", daemon=True)
        self._shared = shared
        self._model = shared.model
        self._workers: dict[str, Worker] = {}
        self._ending: list[Worker] = []
        self._stopped = False
        remove_tree(shared.work)
        shared.work.mkdir(mode=0o700, parents=True, exist_ok=True)

    def worker(self, pipeline: pps.PipelineInfo) -> Worker | None:
        """Return the worker of exactly this version, or None if it has no ready worker."""
        worker = self._workers.get(key(pipeline.pipeline))
        return worker if worker is not None and _is_same(pipeline, worker.pipeline) and worker.ready else None

    def stop(self) -> None:
        """Stop all workers and the processes of their jobs, which resume when the server starts again."""
        self._stopped = True
        self._model.wake()
        self.join()
        workers = [*self._workers.values(), *self._ending]
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.join(STOP_SECONDS)

    def run(self) -> None:
        """Start and stop workers until the server stops. They resume the unfinished jobs of an earlier run."""
        while not self._stopped:
            desired = self._model.wait(lambda state: {} if self._stopped else self._changed(state)) or {}
            self._ending = [worker for worker in self._ending if worker.is_alive()]
            for ref, worker in list(self._workers.items()):
                if ref not in desired or not _serves(worker, desired[ref]):
                    worker.stop()
                    self._ending.append(self._workers.pop(ref))
            with contextlib.suppress(RuntimeError):  # no thread can be started
                for ref in desired.keys() - self._workers.keys():
                    worker = Worker(self._shared, desired[ref])
                    worker.start()
                    self._workers[ref] = worker

    def _changed(self, state: State) -> dict[str, pps.PipelineInfo] | None:
        """Return the current version of each pipeline that is not stopped, None if each has its worker."""
        newest = {owner(name): each for name, each in state.pipelines.items()}
        desired = {name: each for name, each in newest.items() if not each.stopped}
        same = desired.keys() == self._workers.keys()
        return None if same and all(_serves(self._workers[ref], each) for ref, each in desired.items()) else desired


def _is_same(pipeline: pps.PipelineInfo | None, other: pps.PipelineInfo) -> bool:
    """Return whether two are the same version, not one of a pipeline that was deleted and created again."""
    return pipeline is not None and pipeline.spec_commit.id == other.spec_commit.id


def _serves(worker: Worker, pipeline: pps.PipelineInfo) -> bool:
    """Return whether a worker is that of a pipeline as it is now, not of one that was stopped and started again."""
    return _is_same(pipeline, worker.pipeline) and not (pipeline.state == pps.PIPELINE_PAUSED and worker.ready)
