"""Servers for the contract suite: localpach, or the one at PACHD_ADDRESS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.serving import Localpach, serving


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localpach]:
    """One localpach for all tests that only touch what they made."""
    with serving(tmp_path_factory.mktemp("shared") / "root", "--pipeline-limit", "0") as server:
        yield server


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[Localpach]:
    """A localpach that nobody else uses."""
    with serving(tmp_path / "root") as server:
        yield server


@pytest.fixture(scope="session")
def pachd_address() -> str:
    """The address of a real server to be tested instead; empty if there is none."""
    address = os.environ.get("PACHD_ADDRESS", "")
    if address and "PYTEST_XDIST_WORKER" in os.environ:
        pytest.fail(
            "there is one real server, and recordings look at all that it has: `make contract` plays them in turn"
        )
    return address
