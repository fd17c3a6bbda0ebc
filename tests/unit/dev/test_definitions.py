"""Definitions are polled until the API server serves their kinds, against an HTTP server on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from dev.processes import StartError
from dev.stack.apiserver import ApiServer
from dev.stack.definitions import wait_until_served

NAME = "scriptmodels.scriptmodel.dev"
TOKEN = "0123"  # noqa: S105 - of the server below
ESTABLISHED = {"conditions": [{"type": "NamesAccepted", "status": "True"}, {"type": "Established", "status": "True"}]}
SPEC = {
    "group": "scriptmodel.dev",
    "names": {"plural": "scriptmodels"},
    "versions": [{"name": "v1alpha1", "served": True}, {"name": "v1alpha0", "served": False}],
}


@dataclass
class SlowServer:
    """A real HTTP server whose answers depend on a clock that only `pause` moves."""

    status: Any = None
    """The answers of the definition before it is `established`."""
    established: float = 10.0
    discovered: float = 10.0
    document: str = "v=v2;"
    """The form of the discovery document that it knows."""
    now: float = 0.0
    requested: list[float] = field(default_factory=list)
    url: str = ""

    def clock(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds

    def wait(self, within: float = 60.0) -> None:
        wait_until_served(ApiServer(self.url, token=TOKEN), within, self.clock, self.pause)

    def answer(self, path: str, accept: str) -> tuple[int, Any]:
        self.requested.append(self.now)
        if path == "/apis" and self.document not in accept:
            return 200, {"groups": [{"name": "scriptmodel.dev"}]}
        if path == "/apis":
            resources = [{"resource": "scriptmodels"}] if self.now >= self.discovered else []
            version = {"version": "v1alpha1", "resources": resources}
            return 200, {"items": [{"metadata": {"name": "scriptmodel.dev"}, "versions": [version]}]}
        definition: dict[str, Any] = {"metadata": {"name": NAME}, "spec": SPEC}
        status = ESTABLISHED if self.now >= self.established else self.status
        if status is not None:
            definition["status"] = status
        return 200, {"items": [definition]}


@pytest.fixture
def server() -> Iterator[SlowServer]:
    slow = SlowServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = slow.answer(self.path, self.headers["Accept"])
            text = json.dumps(body).encode()
            self.send_response(status if self.headers["Authorization"] == f"Bearer {TOKEN}" else 401)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *words: Any) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        slow.url = f"http://127.0.0.1:{http.server_address[1]}"
        Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield slow
        http.shutdown()


@pytest.mark.parametrize("status", [None, {}, {"conditions": None}, {"conditions": []}])
def test_a_definition_without_conditions_for_ten_seconds_is_waited_for(server: SlowServer, status: Any) -> None:
    server.status = status
    server.wait()
    assert 10 <= server.now < 11
    assert len(set(server.requested)) > 10, "polled all the time"


def test_a_definition_that_is_established_but_not_yet_discovered_is_waited_for(server: SlowServer) -> None:
    server.established, server.discovered = 1, 5
    server.wait()
    assert 5 <= server.now < 6


def test_the_discovery_document_of_kubernetes_before_1_30_is_read(server: SlowServer) -> None:
    server.document = "v=v2beta1;"
    server.wait()
    assert 10 <= server.now < 11


def test_after_the_deadline_the_definition_is_named(server: SlowServer) -> None:
    with pytest.raises(StartError, match=f"not served in 5 s: {NAME} is not Established"):
        server.wait(within=5)
    assert 5 <= server.now < 6
