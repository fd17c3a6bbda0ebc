"""What the demo sends to this machine does not go to a proxy."""

import pytest

from dev.demo.__main__ import bypass_proxies
from dev.processes import free_port
from dev.stack.apiserver import ApiServer
from tests.web import WebServer, content


def test_the_api_server_is_reached_without_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with WebServer({"/readyz": content(b"{}")}) as server:
        assert ApiServer(server.url("")).get("/readyz") == {}


@pytest.mark.parametrize(
    ("given", "exempt"),
    [
        ({}, "127.0.0.1,localhost"),
        ({"no_proxy": ""}, "127.0.0.1,localhost"),
        ({"NO_PROXY": "example.com"}, "example.com,127.0.0.1,localhost"),
        ({"no_proxy": "a.com", "NO_PROXY": "b.com"}, "a.com,b.com,127.0.0.1,localhost"),
    ],
)
def test_loopback_is_added_to_the_hosts_without_a_proxy(given: dict[str, str], exempt: str) -> None:
    bypass_proxies(given)
    assert given == {"no_proxy": exempt, "NO_PROXY": exempt}


def test_an_environment_that_exempts_every_host_is_kept() -> None:
    env = {"no_proxy": "*"}
    bypass_proxies(env)
    assert env == {"no_proxy": "*"}
