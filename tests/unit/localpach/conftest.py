"""A localpach for the tests of a worker process, and a client of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.contract.serving import Localpach, serving
from tests.unit.localpach.client import Client


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localpach]:
    """One server; its tests keep apart by the names that `name` gives them."""
    with serving(tmp_path_factory.mktemp("server") / "root", "--pipeline-limit", "0", "--settle", "0") as running:
        yield running


@pytest.fixture
def client(server: Localpach) -> Client:
    """A client of the shared server."""
    return Client(server.address)


@pytest.fixture
def name() -> Callable[[str], str]:
    """Names that no other test uses."""
    suffix = uuid.uuid4().hex[:8]
    return lambda base: f"{base}-{suffix}"
