"""The composition root: opens the stores, wires the components, serves, and stops all threads and processes."""

from __future__ import annotations

import fcntl
import logging
import os
import socket
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import grpc

from localpach.access import Token
from localpach.api import cluster
from localpach.api.interceptor import ErrorTranslation
from localpach.api.services import PfsService, PpsService
from localpach.api.transaction import TransactionService
from localpach.backend import Backend, apply_request, register_end_hooks
from localpach.config import SOCKET, Settings
from localpach.names import DEFAULT_PROJECT
from localpach.pfs import projects
from localpach.pfs.content import CommitContent
from localpach.pfs.garbage import GarbageCollector
from localpach.pfs.reading import Reader
from localpach.pps.execution import Machine, WorkerContext
from localpach.pps.logs import Logs
from localpach.pps.master import Master
from localpach.protocol import pfs_grpc, pps_grpc, transaction_grpc
from localpach.run.isolation import detect
from localpach.store.opening import open_store
from localpach.transactions import Transactions

log = logging.getLogger(__name__)

STORE_FILES = ("metadata.db*", "contents.db*", "lock", "objects", "incoming", "logs", "work", "claims")
# Commands of jobs that run at the same time.
PROCESSES = 32
# Each waiting call occupies a thread; threads are created on demand.
THREADS = 1024
MAX_MESSAGE = 20 * 1024 * 1024  # of pachd
READ_AHEAD = 1024 * 1024
"""gRPC's own estimate grows with the delays of a busy machine, up to a gigabyte."""
GRACE_SECONDS = 2.0


class AlreadyServedError(Exception):
    """An error because another server uses the root folder."""


class AddressError(Exception):
    """An error because the server cannot listen on the address."""


class Server:
    def __init__(self, settings: Settings) -> None:
        settings.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = lock_root(settings.root)
        self.db, self.contents = open_store(settings.root, fsync=settings.fsync, accept_loss=settings.accept_loss)
        self.isolation = settings.isolation or detect()
        content = CommitContent()
        register_end_hooks(self.db, content)
        reader = Reader(self.db, content, self.contents)
        work = settings.root / "work"
        claims = settings.root / "claims"
        claims.mkdir(exist_ok=True)
        logs = self._logs = Logs(settings.root / "logs")
        restrict_permissions(settings.root)
        cluster_id = self._load_cluster_id()
        machine = Machine(
            images=settings.images,
            isolation=self.isolation,
            folder=work,
            claims=claims,
            slots=threading.Semaphore(PROCESSES),
        )
        shared = WorkerContext(self.db, self.contents, content, reader, machine, settings.settle)
        self._master = Master(shared, logs, work)
        transactions = Transactions(self.db, apply_request(content))
        backend = Backend(
            db=self.db,
            contents=self.contents,
            content=content,
            reader=reader,
            logs=logs,
            master=self._master,
            transactions=transactions,
        )
        self._garbage = GarbageCollector(self.db, self.contents)
        self.token = Token(settings.token_file or settings.root / "token")
        self._grpc = grpc.server(
            ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="call"),
            interceptors=[ErrorTranslation(None if settings.listen.startswith(SOCKET) else self.token)],
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE),
                ("grpc.max_send_message_length", MAX_MESSAGE),
                ("grpc.so_reuseport", 0),
                ("grpc.http2.bdp_probe", 0),
                ("grpc.http2.lookahead_bytes", READ_AHEAD),
            ],
        )
        cluster.add_to(self._grpc, cluster_id)
        pfs_grpc.add_APIServicer_to_server(PfsService(backend), self._grpc)
        pps_grpc.add_APIServicer_to_server(PpsService(backend), self._grpc)
        transaction_grpc.add_APIServicer_to_server(TransactionService(transactions), self._grpc)
        self.address = _bind(self._grpc, settings.listen)
        self._makes_token = settings.token_file is None and not self.address.startswith(SOCKET)

    def __enter__(self) -> Server:
        self._master.start()
        self._garbage.start()
        if self._makes_token:
            self.token.renew(self.address.rpartition(":")[2])
        self._grpc.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop all calls, jobs and threads, and close the stores."""
        if self._makes_token:
            self.token.withdraw(self.address.rpartition(":")[2])
        stopped = self._grpc.stop(GRACE_SECONDS)
        self.db.notifier.close()
        self._master.stop()
        self._garbage.stop()
        self._logs.close()
        stopped.wait()
        self.db.close()
        self.contents.close()
        self._lock.close()

    def _load_cluster_id(self) -> str:
        with self.db.write() as txn:
            found = txn.row("SELECT value FROM settings WHERE name = 'cluster'")
            if found is not None:
                return str(found[0])
            name = uuid.uuid4().hex
            txn.db.execute("INSERT INTO settings VALUES ('cluster', ?)", (name,))
            projects.create(txn, DEFAULT_PROJECT, "", update=False)
            return name


def lock_root(root: Path) -> IO[str]:
    """Lock a root folder for this process. Raises AlreadyServedError if another server uses it."""
    file = (root / "lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        owner = file.read().strip() or "unknown"
        file.close()
        raise AlreadyServedError(
            f"{root} is already served by process {owner}: stop it, or use another --root"
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def restrict_permissions(root: Path) -> None:
    """Make the store's files readable by their owner only.

    The mode of the root folder is unchanged, since it may be a folder that has other files too.
    """
    for pattern in STORE_FILES:
        for path in root.glob(pattern):
            path.chmod(0o700 if path.is_dir() else 0o600)


def _bind(server: grpc.Server, listen: str) -> str:
    mask = os.umask(0o177)  # a socket is its owner's
    try:
        with socket.socket(socket.AF_UNIX) as probe:  # gRPC would replace a socket that a server uses
            taken = listen.startswith(SOCKET) and not probe.connect_ex(listen.removeprefix(SOCKET))
        port = 0 if taken else server.add_insecure_port(listen)
    except (OSError, RuntimeError):
        port = 0
    finally:
        os.umask(mask)
    if not port:
        raise AddressError(
            f"cannot listen on {listen}: the address is in use or does not exist, or the path of a socket is longer "
            "than 107 bytes. Choose another --listen"
        )
    return listen if listen.startswith(SOCKET) else f"{listen.rpartition(':')[0]}:{port}"
