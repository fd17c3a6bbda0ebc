"""Replays every recording of the real server whose requirements one machine meets.

With PACHD_ADDRESS set the recordings are replayed against that server instead. PACHD_HAVE lists the requirements of
recordings that it meets (`kubernetes`, `gpu`, `no-gpu`, `no-pipelines`), separated by spaces; PACHD_IMAGE is an image
that its pipelines can use. A server of a later release than 2.7 may differ in the ways that `later.py` and `later.yaml`
explain, and in no other.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.contract.later import reason
from tests.contract.met import release_of
from tests.contract.replay import Json, differences, load

RECORDINGS = sorted(Path(__file__).with_name("recordings").glob("*.yaml"))
REAL_SERVER = bool(os.environ.get("PACHD_ADDRESS"))
# The requirements that the server meets.
GIVEN = set(os.environ.get("PACHD_HAVE", "").split()) if REAL_SERVER else {"no-pipelines"}
VARIABLES = {"image": os.environ["PACHD_IMAGE"]} if "PACHD_IMAGE" in os.environ else {}
RECORDED = (2, 7)
"""The release of the recordings."""
# These recordings list all objects of a server or fill it up to its limit.
EXCLUSIVE = {"limit", "transactions"}
# Recordings that require Kubernetes but can be replayed without it, since its reaction to a spec is predicted. Images
# are never pulled here, so a pipeline whose image cannot be pulled is excluded.
WITHOUT_KUBERNETES = {"pipeline-failures": "", "scheduling": "noimage"}
# Steps about unsupported features: jq filters, jsonnet templates, and the messages of Go's JSON parser.
UNSUPPORTED_STEPS = {
    "job-lists": {"jobs by filter", "bad filter"},
    "pps-absent": {
        "bad secret",
        "template",
        "template without its argument",
        "template that does not parse",
        "template of two",
    },
}


def playable(path: Path) -> bool:
    """Return whether a server of this kind meets the requirements of a recording."""
    if not REAL_SERVER and path.stem in WITHOUT_KUBERNETES:
        return True
    return set(load(path).get("requires", [])) <= GIVEN


def without_pipeline(recording: Json, name: str) -> Json:
    """Return a recording without the steps about a pipeline."""
    steps = recording["steps"]
    about = [number for number, step in enumerate(steps) if f"${{prefix}}{name}" in str(step)]
    return recording | {"steps": steps[: about[0]] + steps[about[-1] + 1 :]}


def without_steps(recording: Json, names: set[str]) -> Json:
    """Return a recording without some of its steps."""
    assert names <= {step.get("step") for step in recording["steps"]}
    return recording | {"steps": [step for step in recording["steps"] if step.get("step") not in names]}


def test_only_recordings_about_gpus_are_excluded() -> None:
    excluded = {path.stem for path in RECORDINGS if not playable(path)}
    assert REAL_SERVER or excluded == {"gpu-absent", "gpu-present"}


@pytest.mark.parametrize("path", [path for path in RECORDINGS if playable(path)], ids=lambda path: path.stem)
def test_recording(path: Path, pachd_address: str, request: pytest.FixtureRequest) -> None:
    recording = load(path)
    if not REAL_SERVER and WITHOUT_KUBERNETES.get(path.stem):
        recording = without_pipeline(recording, WITHOUT_KUBERNETES[path.stem])
    if not REAL_SERVER:
        recording = without_steps(recording, UNSUPPORTED_STEPS.get(path.stem, set()))
    address = (
        pachd_address or request.getfixturevalue("exclusive" if recording["name"] in EXCLUSIVE else "shared").address
    )
    # Each recording gets its own prefix of three characters, a length that scenarios rely on.
    above, below = divmod(RECORDINGS.index(path), 26)
    found = differences(address, recording, f"{chr(ord('a') + below)}{chr(ord('r') + above)}-", VARIABLES)
    release = release_of(address) if address == pachd_address else RECORDED
    if release != RECORDED:
        found = [each for each in found if not reason(each, path.stem, release)]
    if found:
        pytest.fail("\n\n".join(f"{recording['name']}, {each}" for each in found), pytrace=False)
