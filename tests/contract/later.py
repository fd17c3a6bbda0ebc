"""Explains where later releases of Pachyderm answer the recordings of 2.7 differently.

A few kinds of differences occur in many steps, and none of them matters to a client that follows the protocol. They are
recognised here. Every other step is listed with its reason in `later.yaml`.
"""

import json
import re
from functools import cache
from pathlib import Path

import yaml

from tests.contract.replay import Difference, Json

_ADDED = {"details_json", "size_bytes_upper_bound"}
"""The submitted pipeline, which 2.8 added, and an estimate that later releases leave out once the size is known."""
_BRANCH_OF_COMMIT = re.compile(r"(commit|head)\.branch\b")


@cache
def explanations() -> list[Json]:
    """Return the list of steps that differ for a reason of their own."""
    found: list[Json] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return found


def reason(difference: Difference, recording: str, release: tuple[int, int]) -> str:
    """Return why a step differs in that release; empty if that is not known."""
    recorded, seen = _plain(difference.step["result"]), _plain(difference.seen)
    if recorded == seen:
        return "the branch of a commit is empty, lists have another order, and pipelines have their JSON"
    codes = {str(each.get("error", {}).get("code")) for each in (recorded, seen)}
    if len(codes) == 1 and codes != {"None"}:
        return "the words of an error"
    listed = (each["why"] for each in explanations() if _lists(each, difference.number, recording, release))
    return next(listed, "")


def _lists(entry: Json, number: int, recording: str, release: tuple[int, int]) -> bool:
    known = number in entry["steps"].get(recording, ())
    return known and ".".join(map(str, release)) in entry["releases"]


def _plain(value: Json) -> Json:
    """Return a result without what may differ: branches of commits, the order of lists, added fields."""
    if isinstance(value, list):
        return sorted((_plain(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    if not isinstance(value, dict):
        return value
    commit = {"id", "repo"} <= value.keys()
    return {
        name: _plain(item)
        for name, item in value.items()
        if not (name in _ADDED or item == {} or (commit and name == "branch") or _BRANCH_OF_COMMIT.search(name))
    }
