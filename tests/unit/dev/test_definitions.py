"""Definitions are polled until the API server serves their kinds."""

from dataclasses import dataclass
from typing import Any

import pytest

from dev.processes import StartError
from dev.stack.definitions import wait_until_served

NAME = "scriptmodels.scriptmodel.dev"
ESTABLISHED = {"conditions": [{"type": "NamesAccepted", "status": "True"}, {"type": "Established", "status": "True"}]}
SPEC = {
    "group": "scriptmodel.dev",
    "names": {"plural": "scriptmodels"},
    "versions": [{"name": "v1alpha1", "served": True}, {"name": "v1alpha0", "served": False}],
}


@dataclass
class SlowServer:
    """An API server whose answers depend on a clock that only `pause` moves."""

    status: Any = None
    """That of the definition before it is `established`."""
    established: float = 10.0
    discovered: float = 10.0
    answers: float = 0.0
    now: float = 0.0

    def get(self, path: str, accept: str = "") -> Any:
        if self.now < self.answers:
            raise OSError("503")
        if path == "/apis":
            assert "v=v2;" in accept
            resources = [{"resource": "scriptmodels"}] if self.now >= self.discovered else []
            version = {"version": "v1alpha1", "resources": resources}
            return {"items": [{"metadata": {"name": "scriptmodel.dev"}, "versions": [version]}]}
        status = ESTABLISHED if self.now >= self.established else self.status
        return {"items": [{"metadata": {"name": NAME}, "spec": SPEC} | ({} if status is None else {"status": status})]}

    def pause(self, seconds: float) -> None:
        self.now += seconds


def wait(server: SlowServer, within: float = 60.0) -> float:
    """Return the time at which the kinds were served."""
    wait_until_served(server, within, lambda: server.now, server.pause)  # type: ignore[arg-type]  # has its `get`
    return server.now


@pytest.mark.parametrize("status", [None, {}, {"conditions": None}, {"conditions": []}])
def test_a_definition_without_conditions_is_waited_for(status: Any) -> None:
    assert 10 <= wait(SlowServer(status)) < 11


def test_a_definition_that_is_established_but_not_yet_discovered_is_waited_for() -> None:
    assert 5 <= wait(SlowServer(established=1, discovered=5)) < 6


def test_a_server_that_fails_for_a_while_is_asked_again() -> None:
    assert 12 <= wait(SlowServer(answers=12)) < 13


def test_after_the_deadline_the_definition_is_named() -> None:
    with pytest.raises(StartError, match=f"not served in 5 s: {NAME} is not Established"):
        wait(SlowServer(), within=5)
