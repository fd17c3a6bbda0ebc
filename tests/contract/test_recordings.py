"""Every recording of the real server that one machine can meet gives the recorded results.

With PACHD_ADDRESS set the recordings are played against that server instead. PACHD_HAVE names what it has of the
things that recordings may require (`kubernetes`, `gpu`, `no-gpu`, `no-pipelines`), separated by spaces; PACHD_IMAGE is
an image that its pipelines can use.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.contract.replay import Json, differences, load

RECORDINGS = sorted(Path(__file__).with_name("recordings").glob("*.yaml"))
REAL_SERVER = bool(os.environ.get("PACHD_ADDRESS"))
# What a recording may require and is there.
GIVEN = set(os.environ.get("PACHD_HAVE", "").split()) if REAL_SERVER else {"no-pipelines"}
VARIABLES = {"image": os.environ["PACHD_IMAGE"]} if "PACHD_IMAGE" in os.environ else {}
# These look at lists of the whole server, or fill it up.
ALONE = {"limit", "transactions"}
# Recordings that require Kubernetes and can be met without one: what it says to a spec is known beforehand. Only an
# image that cannot be pulled is none here, so the pipeline with one is left out.
WITHOUT_KUBERNETES = {"pipeline-failures": "", "scheduling": "noimage"}
# Steps about what is knowingly not here: jq filters, jsonnet templates, and the words of Go's JSON parser.
LEFT_OUT = {
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
    """Whether a server of this kind can meet what a recording requires."""
    if not REAL_SERVER and path.stem in WITHOUT_KUBERNETES:
        return True
    return set(load(path).get("requires", [])) <= GIVEN


def without_pipeline(recording: Json, name: str) -> Json:
    """A recording without the steps from the creation of a pipeline to its end, and what only they have named."""
    steps = recording["steps"]
    about = [number for number, step in enumerate(steps) if f"${{prefix}}{name}" in str(step)]
    return recording | {"steps": steps[: about[0]] + steps[about[-1] + 1 :]}


def without_steps(recording: Json, names: set[str]) -> Json:
    """A recording without some of its steps."""
    assert names <= {step.get("step") for step in recording["steps"]}
    return recording | {"steps": [step for step in recording["steps"] if step.get("step") not in names]}


def test_only_images_and_gpus_are_left_out() -> None:
    left_out = {path.stem for path in RECORDINGS if not playable(path)}
    assert REAL_SERVER or left_out == {"gpu-absent", "gpu-present"}


@pytest.mark.parametrize("path", [path for path in RECORDINGS if playable(path)], ids=lambda path: path.stem)
def test_recording(path: Path, pachd_address: str, request: pytest.FixtureRequest) -> None:
    recording = load(path)
    if not REAL_SERVER and WITHOUT_KUBERNETES.get(path.stem):
        recording = without_pipeline(recording, WITHOUT_KUBERNETES[path.stem])
    if not REAL_SERVER:
        recording = without_steps(recording, LEFT_OUT.get(path.stem, set()))
    address = pachd_address or request.getfixturevalue("lone" if recording["name"] in ALONE else "shared").address
    # Three characters, as scenarios count on, and another prefix for each.
    above, below = divmod(RECORDINGS.index(path), 26)
    found = differences(address, recording, f"{chr(ord('a') + below)}{chr(ord('r') + above)}-", VARIABLES)
    if found:
        pytest.fail("\n\n".join(found), pytrace=False)
