"""The port of the pods' own steps: each call belongs to the attempt whose token it bears, and to nothing else.

User code shares a pod's network, so this port does nothing without a token, and the token is mounted only into the
containers of the two steps. It is valid for one datum while one attempt runs.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc

from localpach.errors import PachError
from localpach.pods.exchange import DatumExchange
from localpach.pods.frames import BOUNDED_READING, PIECE, BrokenTransferError
from localpach.pods.steps import SERVICE

THREADS = 256
MAX_MESSAGE = 2 * PIECE
GRACE_SECONDS = 2.0


def new_token() -> str:
    """Return the token of a new attempt."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """Return the digest of a token, which is what is stored."""
    return hashlib.sha256(token.encode()).digest()


class Transfer:
    """The server of the pods' steps. ``is_known`` says of a digest whether its attempt will be taken up again."""

    def __init__(self, listen: str, is_known: Callable[[bytes], bool]) -> None:
        self._is_known = is_known
        self._lock = threading.Lock()
        self._exchanges: dict[bytes, DatumExchange] = {}
        self._server = grpc.server(
            ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="transfer"),
            options=[("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.so_reuseport", 0), *BOUNDED_READING],
            maximum_concurrent_rpcs=THREADS,
        )
        handlers = {
            "Fetch": grpc.unary_stream_rpc_method_handler(self._fetch),
            "Upload": grpc.stream_unary_rpc_method_handler(self._upload),
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        self.port = self._server.add_insecure_port(listen)

    def start(self) -> None:
        """Serve."""
        self._server.start()

    def stop(self) -> None:
        """End all calls; the pods' steps try again."""
        self._server.stop(GRACE_SECONDS).wait()

    def register(self, token: bytes, exchange: DatumExchange) -> None:
        """Serve the attempt with a token's digest."""
        with self._lock:
            before = self._exchanges.get(token)
            self._exchanges[token] = exchange
        if before is not None and before is not exchange:
            before.stop()  # its output could not be committed; the pod sends it again

    def unregister(self, token: bytes) -> None:
        """Refuse the token from now on."""
        with self._lock:
            self._exchanges.pop(token, None)

    def _fetch(self, _request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        yield from self._exchange(context).fetch()

    def _upload(self, frames: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        try:
            self._exchange(context).upload(frames)
        except PachError as error:
            context.abort(error.code, error.message)
        except BrokenTransferError as error:
            context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        return b""

    def _exchange(self, context: grpc.ServicerContext) -> DatumExchange:
        given = dict(context.invocation_metadata()).get("authorization", "")
        token = digest(given if isinstance(given, str) else given.decode(errors="replace"))
        with self._lock:
            found = self._exchanges.get(token)
        if found is None:
            if self._is_known(token):
                context.abort(grpc.StatusCode.UNAVAILABLE, "localpach has started and does not serve this attempt yet")
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "this attempt at a datum has ended")
        assert found is not None  # noqa: S101  # abort raises
        return found
