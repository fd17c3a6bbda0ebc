"""An S3 server that fails on demand: a proxy that passes requests on as they are, since their host is signed."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler
from io import BufferedIOBase, BytesIO
from itertools import count
from typing import Literal

from tests.web import Loopback

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


class FaultyS3(Loopback):
    """Passes requests on to `target`; `pause` are seconds before each piece of a body."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.fault: Faults = none
        self.pause = 0.0
        self.failed = 0
        """How many requests failed."""
        self.requests: list[str] = []
        """Method and path of each request that was passed on."""
        super().__init__(self._pass_on)

    @property
    def endpoint(self) -> str:
        return self.url("")

    def _pass_on(self, request: BaseHTTPRequestHandler) -> None:
        fault = self.fault(request.command)
        if fault is None:
            with suppress(OSError, HTTPException):  # either side went away
                self._answer(request)
                return
        elif fault == "silence":
            self.stopping.wait()
        elif fault != "drop":
            body = f"<Error><Code>{fault[1]}</Code><Message>injected</Message></Error>".encode()
            request.send_response(fault[0])
            request.send_header("Content-Length", str(len(body)))
            request.send_header("Connection", "close")
            request.end_headers()
            request.wfile.write(body if request.command != "HEAD" else b"")
        self.failed += fault is not None
        request.close_connection = True

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        self.requests.append(f"{request.command} {request.path.partition('?')[0]}")
        connection = HTTPConnection(self.target, timeout=60)
        try:
            size = int(request.headers.get("Content-Length", 0))
            body = self._pieces(request.rfile, size) if size else None
            connection.request(request.command, request.path, body, dict(request.headers))
            answer = connection.getresponse()
            found = answer.read()
            headers = {name: value for name, value in answer.getheaders() if name not in _OWN}
            request.send_response(answer.status)
            for name, value in {"Content-Length": str(len(found)), **headers}.items():
                request.send_header(name, value)
            request.end_headers()
            for piece in self._pieces(BytesIO(found), len(found)):
                request.wfile.write(piece)
        finally:
            connection.close()

    def _pieces(self, source: BufferedIOBase, left: int) -> Iterator[bytes]:
        while left and (piece := source.read(min(left, _PIECE_BYTES))):
            time.sleep(self.pause)
            left -= len(piece)
            yield piece
