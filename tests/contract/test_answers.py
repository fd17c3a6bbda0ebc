"""A server answers the operator's own calls with the errors that the recorded answers of its version stand for.

The operator's unit tests use the recorded answers. A server at PACHD_ADDRESS must be nobody else's.
"""

from contextlib import closing

import grpc
import pytest

from scriptmodel_operator.leadership import UNLIMITED
from scriptmodel_operator.pachyderm.adapter import PachydermGateway
from scriptmodel_operator.pachyderm.calls import translate
from scriptmodel_operator.pachyderm.channel import PachdAddress
from tests.contract.answers.record import Answer, answers, recorded, versions
from tests.unit.operator.versioned_pachd import Refusal


def meaning(answer: Answer) -> str:
    """Return the name of the error that the operator raises for an answer; empty for a success."""
    if answer["code"] == "OK":
        return ""
    return type(translate(Refusal(grpc.StatusCode[answer["code"]], answer["message"]), "the call")).__name__


def test_the_server_answers_as_recorded_for_its_version(pachd_address: str, request: pytest.FixtureRequest) -> None:
    address = pachd_address or request.getfixturevalue("exclusive").address
    with closing(PachydermGateway(PachdAddress(address), UNLIMITED)) as gateway:
        version = str(gateway.server_version())
    assert version in versions(), f"record the answers of {version}: python -m tests.contract.answers.record {address}"
    known = answers(version)
    found = recorded(address)
    assert {name: meaning(answer) for name, answer in found.items()} == {name: meaning(known[name]) for name in found}
