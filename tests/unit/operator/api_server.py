"""An API server in threads, for clients that block."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from scriptmodel_operator.api.identity import API_VERSION, GROUP, KIND, PLURAL, VERSION
from scriptmodel_operator.kube.login import Configuration, Connection, Credentials
from tests.web import Loopback

DEADLINE = 30
HELD = object()
"""An answer that does not come while the server `holds`."""


class ApiServer(Loopback):
    """Accepts requests with the token `valid`, and answers with `status` and `page`, else with an empty list.

    A path that ends in `/log` has the lines of `pieces`, and stays open while `holds`.
    """

    def __init__(self) -> None:
        super().__init__(self.answer)
        self.valid, self.status, self.page = "one", 200, '{"items": []}'
        self.pieces, self.holds = [b"one\ntw", b"o\n\xff"], False
        self.answers: dict[str, Any] = {}
        """Other answers by path: JSON, or a function of method, query and body that returns status and JSON."""
        self.requested: list[tuple[str, str, Any]] = []
        """Method, path as it was sent, and body of each request that was let in."""
        self.refused = 0
        self.admits, self.arrived = threading.Event(), threading.Semaphore(0)
        self.admits.set()
        self.sent = threading.Event()

    def __exit__(self, *error: object) -> None:
        self.admits.set()
        super().__exit__(*error)

    def credentials(self, *tokens: str) -> Credentials:
        """Each login reads the next token; the last one stays."""
        left = list(tokens or ["one"])
        return Credentials(lambda: connection(self.url(""), left.pop(0) if len(left) > 1 else left[0]))

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        body = json.loads(request.rfile.read(length)) if length else None
        if request.headers.get("Authorization") != f"Bearer {self.valid}":
            self.refused += 1
            respond(request, 401, '{"message": "Unauthorized"}')
            return
        self.arrived.release()
        self.admits.wait(DEADLINE)
        self.requested.append((request.command, request.path, body))
        path, _, query = request.path.partition("?")
        if (found := self.answers.get(path)) is not None:
            status, answer = found(request.command, query, body) if callable(found) else (200, found)
            respond(request, status, json.dumps(answer)) if answer is not HELD else self._hold(request, [])
        elif self.status == 200 and request.path.endswith("/log"):
            self._hold(request, self.pieces)
        else:
            respond(request, self.status, self.page if self.status == 200 else '{"message": "words of the server"}')

    def _hold(self, request: BaseHTTPRequestHandler, pieces: list[bytes]) -> None:
        request.close_connection = True
        if pieces:
            request.send_response(200)
            request.end_headers()
        for piece in pieces:
            request.wfile.write(piece)
            request.wfile.flush()
        self.sent.set()
        if self.holds:
            self.stopping.wait(DEADLINE)


def connection(url: str, token: str = "one", **settings: Any) -> Connection:  # noqa: S107 - no secret
    found = Configuration()
    found.host, found.proxy, found.api_key = url, None, {"authorization": f"Bearer {token}"}
    for name, value in settings.items():
        setattr(found, name, value)
    return Connection(found)


def respond(request: BaseHTTPRequestHandler, status: int, text: str) -> None:
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(text)))
    request.end_headers()
    request.wfile.write(text.encode())


def serve_scriptmodels(server: ApiServer, watch: Callable[[], tuple[int, Any]] = lambda: (200, HELD)) -> None:
    """Have it serve no ScriptModel, but all that kopf discovers; `watch` answers a watch."""
    verbs = ["get", "list", "watch", "patch"]
    models = {"name": PLURAL, "kind": KIND, "singularName": "scriptmodel", "namespaced": True, "verbs": verbs}
    spaces = {"name": "namespaces", "kind": "Namespace", "singularName": "namespace", "namespaced": False}
    api, version = f"/apis/{GROUP}/{VERSION}", {"version": VERSION, "groupVersion": API_VERSION}

    def listed(_method: str, query: str, _body: object) -> tuple[int, Any]:
        return watch() if "watch=" in query else (200, {"metadata": {"resourceVersion": "1"}, "items": []})

    server.holds = True
    server.answers |= {
        "/api": {"versions": ["v1"]},
        "/api/v1": {"resources": [{**spaces, "verbs": verbs}]},
        "/apis": {"groups": [{"name": GROUP, "versions": [version], "preferredVersion": version}]},
        api: {"resources": [models]},
        f"{api}/{PLURAL}": listed,
        f"{api}/namespaces/ml/{PLURAL}": listed,
        "/api/v1/namespaces/kube-system": {"metadata": {"uid": "cluster-1"}},
    }
