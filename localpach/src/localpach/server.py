"""The composition root: opens the root folder, connects the parts, serves, and stops all threads and processes."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import grpc

from localpach.access import Token
from localpach.api.cluster import AdminService, TransactionService, VersionService
from localpach.api.interceptor import ErrorTranslation
from localpach.api.pfs_service import PfsService
from localpach.api.pps_service import PpsService
from localpach.contents import Contents
from localpach.model import Model
from localpach.pfs.files import Files
from localpach.pps.pipelines import end_of_change
from localpach.pps.runner import Shared
from localpach.pps.workers import Master
from localpach.protocol import admin_grpc, pfs_grpc, pps_grpc, transaction_grpc, version_grpc
from localpach.requests import Requests
from localpach.run.isolation import Isolation, detect

# Each waiting call occupies a thread; threads are created on demand.
THREADS = 1024
SOCKET = "unix:"
"""How the address of a socket starts."""
MAX_MESSAGE = 20 * 1024 * 1024  # of pachd
READ_AHEAD = 1024 * 1024
"""gRPC's own estimate grows with the delays of a busy machine, up to a gigabyte."""
GRACE_SECONDS = 2.0


class StartError(Exception):
    """An error because another server uses the root folder, or the address."""


class Server:
    """A server at HOST:PORT, whose clients need the token in ``token_file``, or at unix:PATH.

    Without that file a token is made in the root. ``isolation`` None selects the strongest that the machine allows.
    """

    def __init__(
        self,
        root: Path,
        listen: str,
        images: Mapping[str, Path],
        isolation: Isolation | None,
        settle: float,
        token_file: Path | None,
    ) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = lock_root(root)
        self._model = Model(root, end_of_change)
        files = Files(Contents(root))
        files.contents.keep_only(files.referenced(self._model.state))
        (root / "claims").mkdir(mode=0o700, exist_ok=True)
        self.isolation = isolation or detect()
        self._master = Master(Shared(self._model, files, images, self.isolation, settle))
        requests = Requests(self._model, files)
        self.token = Token(token_file or root / "token")
        self._grpc = grpc.server(
            ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="call"),
            interceptors=[ErrorTranslation(None if listen.startswith(SOCKET) else self.token)],
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE),
                ("grpc.max_send_message_length", MAX_MESSAGE),
                ("grpc.so_reuseport", 0),
                ("grpc.http2.bdp_probe", 0),
                ("grpc.http2.lookahead_bytes", READ_AHEAD),
            ],
        )
        version_grpc.add_APIServicer_to_server(VersionService(), self._grpc)
        admin_grpc.add_APIServicer_to_server(AdminService(self._model.state.cluster), self._grpc)
        pfs_grpc.add_APIServicer_to_server(PfsService(requests), self._grpc)
        pps_grpc.add_APIServicer_to_server(PpsService(requests, self._master), self._grpc)
        transaction_grpc.add_APIServicer_to_server(TransactionService(requests), self._grpc)
        self.address = _bind(self._grpc, listen)
        self._makes_token = token_file is None and not self.address.startswith(SOCKET)

    def __enter__(self) -> Server:
        self._master.start()
        if self._makes_token:
            self.token.renew(self.address.rpartition(":")[2])
        self._grpc.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop all calls, jobs and threads."""
        if self._makes_token:
            self.token.withdraw(self.address.rpartition(":")[2])
        stopped = self._grpc.stop(GRACE_SECONDS)
        self._model.close()
        self._master.stop()
        stopped.wait()
        self._lock.close()


def lock_root(root: Path) -> IO[str]:
    """Lock a root folder for this process. Raises StartError if another server uses it."""
    path = root / "lock"
    path.touch(mode=0o600)
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise StartError(f"{root} is already served by another localpach: stop it, or use another --root") from None
    return file


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
        raise StartError(
            f"cannot listen on {listen}: the address is in use or does not exist, or the path of a socket is longer "
            "than 107 bytes. Choose another --listen"
        )
    return listen if listen.startswith(SOCKET) else f"{listen.rpartition(':')[0]}:{port}"
