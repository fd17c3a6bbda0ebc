"""Servers on loopback for tests: one whose answers can be changed and whose requests are recorded, and its base."""

import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

Answer = Callable[["Handler"], None]


class Loopback:
    """A server whose requests `answer` answers, each in a thread, whatever their method."""

    def __init__(
        self, answer: Callable[[BaseHTTPRequestHandler], object], host: str = "127.0.0.1", protocol: str = "HTTP/1.1"
    ) -> None:
        def answered(request: BaseHTTPRequestHandler) -> None:
            try:
                answer(request)
            except (BrokenPipeError, ConnectionResetError):
                request.close_connection = True

        methods = {f"do_{method}": answered for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")}
        parts = {**methods, "protocol_version": protocol, "log_message": lambda *_: None}
        self.host, self.scheme, self.stopping = host, "http", threading.Event()
        self._server = ThreadingHTTPServer((host, 0), type("RequestHandler", (BaseHTTPRequestHandler,), parts))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str, host: str = "") -> str:
        return f"{self.scheme}://{host or self.host}:{self.port}{path}"

    def encrypt(self, certificate: Path, key: Path) -> None:
        """Answer by TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.scheme = "https"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)


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


class WebServer(Loopback):
    """`requested` has the paths of all requests, in order; a path without an answer is 404."""

    def __init__(self, answers: Mapping[str, Answer] = {}, host: str = "127.0.0.1") -> None:
        self.answers, self.requested = dict(answers), list[str]()
        super().__init__(self._answer, host, "HTTP/1.0")

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        self.requested.append(request.path)
        self.answers.get(request.path.partition("?")[0], status(404))(Handler(request, self.stopping))


def status(number: int, headers: Mapping[str, str] = {}) -> Answer:
    return lambda handler: handler.start(number, {"Content-Length": "0", **headers})


def content(body: bytes) -> Answer:
    return lambda handler: (handler.start(200, {"Content-Length": str(len(body))}), handler.write(body))[0]


def silence(handler: Handler) -> None:
    """Answer nothing until the server ends."""
    handler.stopping.wait()


def redirect(to: str, number: int = 302) -> Answer:
    return status(number, {"Location": to})
