"""Stopping the operator before it is removed."""

from typing import Any

import pytest

from scriptmodel_operator import installation
from scriptmodel_operator.kube.errors import KubeUnavailableError

POD = {"metadata": {"name": "operator-0"}}


class Server:
    """Answers like a Deployment whose pods are listed as `answers` say, the last one forever."""

    def __init__(self, *answers: list[dict[str, Any]] | Exception) -> None:
        self.answers = list(answers)
        self.scaled = False

    def request(self, method: str, path: str, *_: object) -> dict[str, Any]:
        if method == "PATCH":
            self.scaled = True
            return {}
        if "/pods" not in path:
            return {"spec": {"selector": {"matchLabels": {"app": "operator"}}}}
        assert self.scaled, "it is scaled down first"
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {"items": answer}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "POLL_SECONDS", 0.001)


def test_it_waits_until_all_pods_are_gone_even_if_the_api_server_does_not_answer_for_a_while() -> None:
    server = Server([POD], KubeUnavailableError("listing", 0, "TimeoutError"), [])
    installation.stop(server, "ns", "operator", 60)
    assert server.answers == [[]]


def test_pods_that_did_not_end_in_time_are_named() -> None:
    with pytest.raises(TimeoutError, match="these pods still run: operator-0"):
        installation.stop(Server([POD]), "ns", "operator", 0.01)
