"""Fixtures: a localpach for all tests of a pytest worker, and a client of it.

Property tests have no time limit, because machines are shared.
"""

import uuid
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from tests.contract.serving import Localpach, serving
from tests.unit.localpach.client import Client

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localpach]:
    """Start one server; tests are separated by the unique names of `name`."""
    with serving(tmp_path_factory.mktemp("server") / "root", "--settle", "0") as running:
        yield running


@pytest.fixture
def client(server: Localpach) -> Client:
    """Return a client of the shared server."""
    return Client(server.address)


@pytest.fixture
def name() -> Callable[[str], str]:
    """Return a function that makes names unique to a test."""
    suffix = uuid.uuid4().hex[:8]
    return lambda base: f"{base}-{suffix}"


@pytest.fixture
def corpus(client: Client, name: Callable[[str], str]) -> str:
    """Create a repo with two files."""
    repo = name("corpus")
    client.create_repo(repo)
    client.put(repo, {"/a.txt": b"alpha\n", "/b.txt": b"beta\n"})
    return repo
