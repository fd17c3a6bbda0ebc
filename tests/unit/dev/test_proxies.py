"""What goes to this machine does not go to a proxy."""

import pytest

from dev.processes import free_port
from dev.stack.apiserver import ApiServer
from tests.web import WebServer, content


def test_the_api_server_is_reached_without_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with WebServer({"/readyz": content(b"{}")}) as server:
        assert ApiServer(server.url("")).get("/readyz") == {}
