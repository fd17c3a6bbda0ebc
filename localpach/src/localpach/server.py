"""The composition root: opens the stores, wires the parts, serves, and ends without leaving anything running."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO

import grpc
from python_pachyderm.proto.v2.pfs import pfs_pb2_grpc
from python_pachyderm.proto.v2.pps import pps_pb2_grpc
from python_pachyderm.proto.v2.transaction import transaction_pb2_grpc

from localpach.api import cluster, pfs, pps
from localpach.api.serving import ErrorTranslation
from localpach.api.transaction import TransactionService
from localpach.config import Settings
from localpach.names import DEFAULT_PROJECT
from localpach.pfs import projects
from localpach.pfs.content import CommitContent
from localpach.pfs.garbage import GarbageCollector
from localpach.pfs.reading import Reader
from localpach.pps.context import WorkerContext
from localpach.pps.logs import Logs
from localpach.pps.master import Master
from localpach.pps.runner import Machine
from localpach.pps.validation import Limits
from localpach.run.environment import Images
from localpach.run.isolation import detect
from localpach.service import Service, apply_request, end_of_transaction
from localpach.store.checking import refuse_damaged
from localpach.store.contents import Contents
from localpach.store.database import Database
from localpach.transactions import Transactions

log = logging.getLogger(__name__)

METADATA = "metadata.db"
OWN_FILES = ("metadata.db*", "contents.db*", "lock", "objects", "incoming", "logs", "work")
# Calls that wait hold a thread each, and threads are made only as they are needed.
THREADS = 1024
MAX_MESSAGE = 64 * 1024 * 1024
GRACE_SECONDS = 2.0


class AlreadyServedError(Exception):
    """Another server has this root."""


class AddressError(Exception):
    """The address cannot be listened on."""


class Server:
    """A running server."""

    def __init__(self, settings: Settings) -> None:
        settings.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = lock_root(settings.root)
        self.db = Database(settings.root / METADATA, fsync=settings.fsync)
        self.contents = Contents(settings.root, fsync=settings.fsync)
        refuse_damaged(self.db, self.contents)
        self.isolation = settings.isolation or detect()
        content = CommitContent()
        end_of_transaction(self.db, content)
        reader = Reader(self.db, content, self.contents)
        work = settings.root / "work"
        machine = Machine(
            contents=self.contents,
            images=Images(settings.images),
            isolation=self.isolation,
            folder=work,
            slots=threading.Semaphore(settings.processes),
        )
        logs = Logs(settings.root / "logs")
        restrict(settings.root)
        self._master = Master(WorkerContext(self.db, content, reader, machine, settings.settle), logs, work)
        transactions = Transactions(self.db, apply_request(content))
        service = Service(
            db=self.db,
            contents=self.contents,
            content=content,
            reader=reader,
            logs=logs,
            master=self._master,
            limits=Limits(pipelines=settings.pipeline_limit),
            transactions=transactions,
        )
        self._garbage = GarbageCollector(self.db, self.contents)
        cluster_id = self._first_start()
        self._grpc = grpc.server(
            ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="call"),
            interceptors=[ErrorTranslation(cluster.left_out() | pfs.left_out() | pps.left_out())],
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE),
                ("grpc.max_send_message_length", MAX_MESSAGE),
                ("grpc.so_reuseport", 0),
            ],
        )
        cluster.add_to(self._grpc, self.db, cluster_id)
        pfs_pb2_grpc.add_APIServicer_to_server(pfs.PfsService(service), self._grpc)
        pps_pb2_grpc.add_APIServicer_to_server(pps.PpsService(service), self._grpc)
        transaction_pb2_grpc.add_APIServicer_to_server(TransactionService(transactions), self._grpc)
        self.address = _bind(self._grpc, settings.listen)

    def __enter__(self) -> Server:
        self._master.start()
        self._garbage.start()
        self._grpc.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End all calls, jobs and threads, and close the stores."""
        stopped = self._grpc.stop(GRACE_SECONDS)
        self.db.changes.close()
        self._master.stop()
        self._garbage.stop()
        stopped.wait()
        self.db.close()
        self.contents.close()
        self._lock.close()

    def _first_start(self) -> str:
        with self.db.write() as txn:
            found = txn.row("SELECT value FROM settings WHERE name = 'cluster'")
            if found is not None:
                return str(found[0])
            name = uuid.uuid4().hex
            txn.db.execute("INSERT INTO settings VALUES ('cluster', ?)", (name,))
            projects.create(txn, DEFAULT_PROJECT, "", update=False)
            return name


def lock_root(root: Path) -> IO[str]:
    """Keep every other server off a root. Raises AlreadyServedError when one has it."""
    file = (root / "lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        owner = file.read().strip() or "unknown"
        file.close()
        raise AlreadyServedError(f"{root} is served already, by process {owner}") from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def restrict(root: Path) -> None:
    """Make the store's own files readable by its owner only: like etcd's, they hold secrets in the clear.

    The root itself keeps its mode, since a user may have named a folder that holds other things, too.
    """
    for pattern in OWN_FILES:
        for path in root.glob(pattern):
            path.chmod(0o700 if path.is_dir() else 0o600)


def _bind(server: grpc.Server, listen: str) -> str:
    host, _, _ = listen.rpartition(":")
    try:
        port = server.add_insecure_port(listen)
    except RuntimeError:
        port = 0
    if not port:
        raise AddressError(f"cannot listen on {listen}: is another server there?")
    return f"{host}:{port}"
