"""One thread for each live pipeline version: takes it through its states and carries out its jobs."""

from __future__ import annotations

import logging
import shutil
import threading
from pathlib import Path

from localpach.pps import pipelines
from localpach.pps.context import WorkerContext
from localpach.pps.logs import Logs
from localpach.pps.pipelines import Pipeline
from localpach.pps.worker import Worker
from localpach.refs import PipelineRef

log = logging.getLogger(__name__)

END_SECONDS = 15.0


class Master:
    """Keeps one worker for each pipeline that is not stopped."""

    def __init__(self, context: WorkerContext, logs: Logs, folder: Path) -> None:
        self._context = context
        self._logs = logs
        self._folder = folder
        self._lock = threading.Lock()
        self._workers: dict[PipelineRef, Worker] = {}
        self._ending: list[Worker] = []
        self._stopped = False
        self._thread = threading.Thread(target=self._watch, name="pipelines", daemon=True)

    def start(self) -> None:
        """Take up all pipelines, with the jobs that an earlier run of the server has left."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o700, parents=True)
        with self._context.db.read() as txn:
            self._logs.keep_only(each.id for each in pipelines.current(txn) if not each.stopped)
        self._thread.start()

    def worker(self, pipeline: Pipeline) -> Worker | None:
        """The worker of exactly this version, if it has one that is up."""
        worker = self._workers.get(pipeline.ref)
        return worker if worker is not None and worker.pipeline.id == pipeline.id and worker.up else None

    def stop(self) -> None:
        """End all workers and the processes of their jobs. Their jobs go on when the server is started again."""
        with self._lock:
            self._stopped = True
            workers = [*self._workers.values(), *self._ending]
        for worker in workers:
            worker.end()
        for worker in workers:
            worker.join(END_SECONDS)

    def _watch(self) -> None:
        with self._context.db.changes.watching("pipelines") as changed:
            while not self._stopped:
                changed.clear()
                try:
                    self._refresh()
                except Exception:  # one broken pipeline must not end the thread that serves all
                    log.exception("cannot take up the change of a pipeline")
                changed.wait()

    def _refresh(self) -> None:
        with self._context.db.read() as txn:
            wanted = {each.ref: each for each in pipelines.current(txn) if not each.stopped}
        with self._lock:
            if self._stopped:
                return
            self._ending = [worker for worker in self._ending if worker.is_alive()]
            for ref, worker in list(self._workers.items()):
                if ref not in wanted or wanted[ref].id != worker.pipeline.id:
                    worker.end()
                    self._logs.discard(worker.pipeline.id)
                    self._ending.append(self._workers.pop(ref))
            for ref, pipeline in wanted.items():
                if ref not in self._workers:
                    self._workers[ref] = Worker(self._context, self._logs, pipeline, self._folder)
                    self._workers[ref].start()
