"""Fixtures of the contract suite: a localpach, or the server at PACHD_ADDRESS."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.met import server_met
from tests.contract.serving import Localpach, serving

# localpach is 2.7, which has no defaults to merge.
collect_ignore = [] if os.environ.get("PACHD_ADDRESS") else ["test_defaults.py"]


def pytest_report_header() -> str:
    """State the version that the suite meets."""
    return server_met()


@pytest.fixture
def exclusive(tmp_path: Path) -> Iterator[Localpach]:
    """Start a localpach for one test."""
    with serving(tmp_path / "root") as server:
        yield server


@pytest.fixture(scope="session")
def pachd_address() -> str:
    """Return the address of a real server to test instead of localpach, or an empty text."""
    address = os.environ.get("PACHD_ADDRESS", "")
    if address and "PYTEST_XDIST_WORKER" in os.environ:
        pytest.fail(
            "recordings list all objects of the real server, so they cannot run in parallel: use `make contract`"
        )
    return address
