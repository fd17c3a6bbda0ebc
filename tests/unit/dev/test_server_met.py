"""The reports of `make contract` and `make e2e` state the server that they met."""

from __future__ import annotations

import pytest

from dev.processes import free_port
from tests.contract.met import release_of, server_met
from tests.unit.operator.versioned_pachd import Pachd, serving


def test_without_an_address_it_is_localpach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PACHD_ADDRESS", raising=False)
    assert server_met() == "Pachyderm: localpach, as pachd 2.7.8"


def test_a_real_server_is_stated_with_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Pachd("2.12.0-rc.3")) as address:
        monkeypatch.setenv("PACHD_ADDRESS", address)
        assert server_met() == f"Pachyderm: pachd 2.12.0-rc.3 is certified (at {address})"


def test_the_release_of_a_server_has_two_numbers() -> None:
    with serving(Pachd("2.12.0-rc.3")) as address:
        assert release_of(address) == (2, 12)


def test_a_server_that_is_away_is_stated_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACHD_ADDRESS", f"127.0.0.1:{free_port()}")
    assert server_met().startswith("Pachyderm: asking pachd for its version: ")
