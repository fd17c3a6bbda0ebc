"""Fixtures of the operator's unit tests. Property tests have no time limit, because machines are shared."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

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
