"""Which differences of a later release are explained, and which are not."""

from pathlib import Path
from typing import Any

import pytest

from tests.contract.later import explanations, reason
from tests.contract.replay import Difference, load

RECORDINGS = Path(__file__).with_name("recordings")
REPO = {"name": "plays", "type": "user"}
MASTER = {"name": "master", "repo": REPO}


def why(recorded: Any, seen: Any, number: int = 1, recording: str = "repos", release: tuple[int, int] = (2, 12)) -> str:
    return reason(Difference(number, {"call": "x", "result": recorded}, seen), recording, release)


@pytest.mark.parametrize(
    ("recorded", "seen"),
    [
        ({"ok": {"id": "$id1", "repo": REPO, "branch": MASTER}}, {"ok": {"id": "$id1", "repo": REPO}}),
        ({"ok": [{"a": 1}, {"b": 2}]}, {"ok": [{"b": 2}, {"a": 1}]}),
        ({"ok": {"a": 1}}, {"ok": {"a": 1, "details_json": "{}", "details": {}}}),
        ({"error": {"code": "UNKNOWN", "message": "no"}}, {"error": {"code": "UNKNOWN", "message": "it is not"}}),
    ],
)
def test_what_no_client_notices_is_explained_wherever_it_occurs(recorded: Any, seen: Any) -> None:
    assert why(recorded, seen)


@pytest.mark.parametrize(
    ("recorded", "seen"),
    [
        ({"ok": {"id": "$id1", "repo": REPO}}, {"ok": {"id": "$id2", "repo": REPO}}),
        ({"ok": {"head": {}, "branch": MASTER}}, {"ok": {"head": {}}}),
        ({"ok": [{"a": 1}]}, {"ok": [{"a": 1}, {"a": 1}]}),
        ({"ok": {"state": "JOB_SUCCESS"}}, {"ok": {"state": "JOB_FAILURE"}}),
        ({"ok": {}}, {"error": {"code": "UNKNOWN", "message": "no"}}),
        ({"error": {"code": "UNKNOWN", "message": "no"}}, {"ok": {}}),
        ({"error": {"code": "UNKNOWN", "message": "no"}}, {"error": {"code": "NOT_FOUND", "message": "no"}}),
    ],
)
def test_anything_else_is_not(recorded: Any, seen: Any) -> None:
    assert not why(recorded, seen)


def test_a_listed_step_is_explained_in_the_releases_that_are_named() -> None:
    recorded, seen = {"error": {"code": "NOT_FOUND"}}, {"ok": {"commit.id": "$id3"}}
    assert "tokens" in why(recorded, seen, 4, "filesets")
    assert not why(recorded, seen, 4, "filesets", (2, 11))
    assert not why(recorded, seen, 3, "filesets")


def test_the_list_names_steps_that_exist_each_once() -> None:
    listed = [
        (name, number) for each in explanations() for name, numbers in each["steps"].items() for number in numbers
    ]
    assert len(set(listed)) == len(listed) > 0
    for name, number in listed:
        assert "call" in load(RECORDINGS / f"{name}.yaml")["steps"][number - 1], (name, number)
