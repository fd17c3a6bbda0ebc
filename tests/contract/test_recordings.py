"""Every recording of the real server that one machine can meet gives the recorded results.

With PACHD_ADDRESS set the recordings are played against that server instead; PACHD_HAVE names what it has of the
things that recordings may require (`kubernetes`, `gpu`, `no-gpu`, `no-pipelines`), separated by spaces.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.contract.replay import differences, load

RECORDINGS = sorted(Path(__file__).with_name("recordings").glob("*.yaml"))
# What a recording may require and one machine can give.
GIVEN = {"no-pipelines"} | (set(os.environ.get("PACHD_HAVE", "").split()) if os.environ.get("PACHD_ADDRESS") else set())
# These look at lists of the whole server, or fill it up.
ALONE = {"limit", "transactions"}


def playable(path: Path) -> bool:
    """Whether a server of this kind can meet what a recording requires."""
    return set(load(path).get("requires", [])) <= GIVEN


def test_only_pods_images_and_gpus_are_left_out() -> None:
    left_out = {path.stem for path in RECORDINGS if not playable(path)}
    assert left_out <= {"gpu-absent", "gpu-present", "pipeline-failures", "scheduling"}


@pytest.mark.parametrize("path", [path for path in RECORDINGS if playable(path)], ids=lambda path: path.stem)
def test_recording(path: Path, pachd_address: str, request: pytest.FixtureRequest) -> None:
    recording = load(path)
    address = pachd_address or request.getfixturevalue("lone" if recording["name"] in ALONE else "shared").address
    prefix = f"{chr(ord('a') + RECORDINGS.index(path))}r-"
    found = differences(address, recording, prefix)
    if found:
        pytest.fail("\n\n".join(found), pytrace=False)
