"""A web server on loopback for tests: its answers can be changed, and it records its requests."""

import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

Answer = Callable[["Handler"], None]


@dataclass
class Handler:
    """One request and its answer."""

    http: BaseHTTPRequestHandler
    stopping: threading.Event
    """Set when the server ends: for answers that never come."""

    def start(self, status: int, headers: Mapping[str, str] = {}) -> None:
        self.http.send_response(status)
        for name, value in headers.items():
            self.http.send_header(name, value)
        self.http.end_headers()

    def write(self, content: bytes) -> None:
        self.http.wfile.write(content)
        self.http.wfile.flush()


@dataclass
class WebServer:
    """`requested` has the paths of all requests, in order; a path without an answer is 404."""

    answers: dict[str, Answer] = field(default_factory=dict)
    requested: list[str] = field(default_factory=list)
    host: str = "127.0.0.1"

    def __post_init__(self) -> None:
        answers, requested, stopping = self.answers, self.requested, threading.Event()

        class RequestHandler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                requested.append(self.path)
                answer = answers.get(self.path.partition("?")[0], status(404))
                try:
                    answer(Handler(self, stopping))
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def do_POST(self) -> None:
                self.do_GET()

            def do_PUT(self) -> None:
                self.do_GET()

            def do_DELETE(self) -> None:
                self.do_GET()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the standard library
                """Logs nothing."""

        self._stopping = stopping
        self._server = ThreadingHTTPServer((self.host, 0), RequestHandler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str, host: str = "") -> str:
        return f"http://{host or self.host}:{self.port}{path}"

    def encrypt(self, certificate: Path, key: Path) -> None:
        """Answer by TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)


def status(number: int, headers: Mapping[str, str] = {}) -> Answer:
    return lambda handler: handler.start(number, {"Content-Length": "0", **headers})


def content(body: bytes) -> Answer:
    return lambda handler: (handler.start(200, {"Content-Length": str(len(body))}), handler.write(body))[0]


def silence(handler: Handler) -> None:
    """Answer nothing until the server ends."""
    handler.stopping.wait()


def redirect(to: str, number: int = 302) -> Answer:
    return status(number, {"Location": to})
