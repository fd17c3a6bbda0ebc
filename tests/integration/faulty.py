"""An S3 server that fails on demand: a proxy that passes requests on as they are, since their host is signed."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase, BytesIO
from itertools import count
from types import TracebackType
from typing import Literal, Self

Fault = tuple[int, str] | Literal["drop", "silence"] | None
"""The status and code to answer with, before the body is read; or the connection ends; or no answer comes."""
Faults = Callable[[str], Fault]
"""Decides whether a request with that method fails."""
_PIECE_BYTES = 1 << 16
_OWN = ("Connection", "Date", "Server", "Transfer-Encoding")


def none(_method: str) -> Fault:
    return None


def writes(status: int, code: str) -> Faults:
    """Return what refuses all writes."""
    return lambda method: (status, code) if method in ("PUT", "POST", "DELETE") else None


def each_third(status: int, code: str) -> Faults:
    numbers = count(1)
    return lambda _method: None if next(numbers) % 3 else (status, code)


class FaultyS3:
    """Listens on `address` in front of `target`; `pause` are seconds before each piece of a body."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.fault: Faults = none
        self.pause = 0.0
        self.failed = 0
        """How many requests failed."""
        self.requests: list[str] = []
        """Method and path of each request that was passed on."""
        self.stopping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    proxy: FaultyS3
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        fault = self.proxy.fault(self.command)
        if fault is None:
            with suppress(OSError, HTTPException):  # either side went away
                self._answer()
                return
        elif fault == "silence":
            self.proxy.stopping.wait()
        elif fault != "drop":
            body = f"<Error><Code>{fault[1]}</Code><Message>injected</Message></Error>".encode()
            self.send_response(fault[0])
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body if self.command != "HEAD" else b"")
        self.proxy.failed += fault is not None
        self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on  # noqa: N815 - named by the standard library

    def _answer(self) -> None:
        self.proxy.requests.append(f"{self.command} {self.path.partition('?')[0]}")
        connection = HTTPConnection(self.proxy.target, timeout=60)
        try:
            size = int(self.headers.get("Content-Length", 0))
            body = self._pieces(self.rfile, size) if size else None
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            found = answer.read()
            headers = {name: value for name, value in answer.getheaders() if name not in _OWN}
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(found)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            for piece in self._pieces(BytesIO(found), len(found)):
                self.wfile.write(piece)
        finally:
            connection.close()

    def _pieces(self, source: BufferedIOBase, left: int) -> Iterator[bytes]:
        while left and (piece := source.read(min(left, _PIECE_BYTES))):
            time.sleep(self.proxy.pause)
            left -= len(piece)
            yield piece

    def log_message(self, *_: object) -> None:
        """Print nothing."""
