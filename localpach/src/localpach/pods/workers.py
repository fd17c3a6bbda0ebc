"""Workers that are pods: what jobs ask of them, and the thread that deletes the Jobs that are no longer needed."""

from __future__ import annotations

import logging
import threading

from localpach.config import PodSettings
from localpach.errors import UnimplementedError
from localpach.messages import pps
from localpach.pods import attempts
from localpach.pods.api import UNREACHABLE, KubernetesApi
from localpach.pods.manifest import ENGINE_LABEL
from localpach.pods.patch import pod_changes
from localpach.pods.runner import Cluster, PodRunner
from localpach.pods.transfer import Transfer
from localpach.pods.watch import Watch
from localpach.pps.execution import Cancellation, DatumRunner, Execution
from localpach.store.database import Database
from localpach.store.disk import log_error

log = logging.getLogger(__name__)

SWEEP_SECONDS = 5.0


class PodWorkers:
    """Workers that are pods of one namespace. They keep running while the server is away."""

    outlive_server = True

    def __init__(self, db: Database, settings: PodSettings, engine: str) -> None:
        self._db = db
        api = KubernetesApi(settings.namespace)
        watch = Watch(api, f"{ENGINE_LABEL}={engine}")
        transfer = Transfer(settings.transfer_listen, self._is_open)
        self._cluster = Cluster(db, api, watch, transfer, settings, engine)
        self._stopping = Cancellation()
        self._sweeper = threading.Thread(target=self._sweep_always, name="sweeper", daemon=True)

    def start(self) -> None:
        """Watch the cluster and serve the pods' steps."""
        self._cluster.watch.start()
        self._cluster.transfer.start()
        self._sweeper.start()

    def stop(self) -> None:
        """Stop serving; the pods keep running."""
        self._stopping.set()
        self._cluster.watch.stop()
        self._cluster.transfer.stop()
        self._sweeper.join()

    def check(self, request: pps.CreatePipelineRequest) -> None:
        """Raise UnimplementedError for what would need a wrapper in the user's image."""
        if request.transform.stdin:
            raise UnimplementedError(
                'localpach does not support transform.stdin in pods: run a shell as the command, ["sh", "-c", "..."]'
            )
        pod_changes(request.pod_patch)

    def note(self, details: pps.PipelineInfo.Details) -> str:
        """Return nothing: Kubernetes keeps to the resources of a pod."""
        del details
        return ""

    def runner(self, execution: Execution) -> DatumRunner:
        """Return the runner of a job's datums."""
        return PodRunner(self._cluster, execution)

    def _is_open(self, token: bytes) -> bool:
        with self._db.read() as txn:
            return attempts.is_open(txn, token)

    def _sweep_always(self) -> None:
        with self._db.notifier.subscribe("attempts") as changed:
            self._stopping.subscribe(changed)
            while not self._stopping.is_set:
                changed.clear()
                if self._cluster.watch.synced.is_set():
                    try:
                        self._sweep()
                    except Exception as error:  # such as a full disk, which must not end the thread
                        log_error(log, "cannot delete the Jobs that are no longer needed, trying again", error)
                if not self._stopping.is_set:
                    changed.wait(SWEEP_SECONDS)

    def _sweep(self) -> None:
        """Delete the Jobs that belong to no unfinished attempt: of stopped jobs, and those that a kill has left."""
        names = self._cluster.watch.job_names()  # before the rows: a Job is created after its row
        with self._db.write() as txn:
            attempts.forget_finished(txn)
            needed = attempts.open_names(txn)
        for name in names:
            if name not in needed:
                try:
                    self._cluster.api.delete_job(name)
                except UNREACHABLE as error:
                    log.warning("cannot delete Job %s, trying again: %s", name, error)
                    return
