"""Fixtures of the operator's unit tests. Property tests have no time limit, because machines are shared."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.unit.operator.world import MADE
from tests.web import WebServer

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture
def server() -> Iterator[WebServer]:
    """A web server on loopback."""
    with WebServer() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_kubeconfig_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset the variable that a login sets for the libraries, and restore it afterwards."""
    monkeypatch.setenv("KUBECONFIG", "")
    monkeypatch.delenv("KUBECONFIG")


@pytest.fixture(autouse=True)
def _logs_are_followed_until_the_end_of_a_test() -> Iterator[None]:
    yield
    while MADE:
        MADE.pop().observer.logs.close()
