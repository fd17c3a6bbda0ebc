"""The master: runs one worker for each pipeline that is not stopped."""

import logging
import threading
from pathlib import Path

from localpach.pps import pipelines
from localpach.pps.execution import WorkerContext
from localpach.pps.logs import Logs
from localpach.pps.pipelines import Pipeline
from localpach.pps.states import PipelineState
from localpach.pps.worker import Worker
from localpach.refs import PipelineRef
from localpach.run.tree import remove_tree
from localpach.store.disk import log_error

log = logging.getLogger(__name__)

STOP_SECONDS = 15.0


class Master:
    """Runs one worker for each pipeline that is not stopped."""

    def __init__(self, shared: WorkerContext, logs: Logs, folder: Path) -> None:
        self._shared = shared
        self._logs = logs
        self._folder = folder
        self._lock = threading.Lock()
        self._workers: dict[PipelineRef, Worker] = {}
        self._stopping_workers: list[Worker] = []
        self._stopped = False
        self._thread = threading.Thread(target=self._watch, name="pipelines", daemon=True)

    def start(self) -> None:
        """Start the workers of all pipelines, which resume the unfinished jobs of an earlier run."""
        remove_tree(self._folder)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._shared.db.read() as txn:
            self._logs.keep_only(each.id for each in pipelines.current(txn) if not each.stopped)
        self._thread.start()

    def worker(self, pipeline: Pipeline) -> Worker | None:
        """Return the worker of exactly this version, or None if it has no ready worker."""
        worker = self._workers.get(pipeline.ref)
        return worker if worker is not None and worker.pipeline.id == pipeline.id and worker.ready else None

    def stop(self) -> None:
        """Stop all workers and the processes of their jobs, which resume when the server starts again."""
        with self._lock:
            self._stopped = True
            workers = [*self._workers.values(), *self._stopping_workers]
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.join(STOP_SECONDS)

    def _watch(self) -> None:
        with self._shared.db.notifier.subscribe("pipelines") as changed:
            while not self._stopped:
                changed.clear()
                try:
                    self._refresh()
                except Exception as error:  # a broken pipeline must not end the thread that serves all pipelines
                    log_error(log, "failed to update the workers after a pipeline change", error)
                changed.wait()

    def _refresh(self) -> None:
        with self._shared.db.read() as txn:
            desired = {each.ref: each for each in pipelines.current(txn) if not each.stopped}
        with self._lock:
            if self._stopped:
                return
            self._stopping_workers = [worker for worker in self._stopping_workers if worker.is_alive()]
            for ref, worker in list(self._workers.items()):
                if not _serves(worker, desired.get(ref)):
                    worker.stop()
                    self._logs.discard(worker.pipeline.id)
                    self._stopping_workers.append(self._workers.pop(ref))
            for ref, pipeline in desired.items():
                if ref not in self._workers:
                    self._workers[ref] = Worker(self._shared, self._logs, pipeline, self._folder)
                    self._workers[ref].start()


def _serves(worker: Worker, pipeline: Pipeline | None) -> bool:
    """Return whether a worker is that of a pipeline as it is now, not of one that was stopped and started again."""
    if pipeline is None or pipeline.id != worker.pipeline.id:
        return False
    return pipeline.state != PipelineState.PAUSED or (worker.is_alive() and not worker.ready)
