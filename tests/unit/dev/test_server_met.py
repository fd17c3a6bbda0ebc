"""The release of a server, by which the contract suite explains its differences."""

from tests.contract.met import release_of
from tests.unit.operator.versioned_pachd import Pachd, serving


def test_the_release_of_a_server_has_two_numbers() -> None:
    with serving(Pachd("2.12.0-rc.3")) as address:
        assert release_of(address) == (2, 12)
