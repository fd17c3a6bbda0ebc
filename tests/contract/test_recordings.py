"""Replays every recording of the real server whose requirements one machine meets.

With PACHD_ADDRESS set the recordings are replayed against that server instead. PACHD_HAVE lists the requirements of
recordings that it meets (`kubernetes`, `gpu`, `no-gpu`, `no-pipelines`), separated by spaces; PACHD_IMAGE is an image
that its pipelines can use. A server of a later release than 2.7 may differ in the ways that `later.py` and `later.yaml`
explain, and in no other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.contract.later import reason
from tests.contract.met import release_of
from tests.contract.replay import Json, differences, load
from tests.contract.serving import serving

RECORDINGS = sorted(Path(__file__).with_name("recordings").glob("*.yaml"))
REAL_SERVER = bool(os.environ.get("PACHD_ADDRESS"))
# The requirements that the server meets.
GIVEN = set(os.environ.get("PACHD_HAVE", "").split()) if REAL_SERVER else {"no-pipelines"}
VARIABLES = {"image": os.environ["PACHD_IMAGE"]} if "PACHD_IMAGE" in os.environ else {}
RECORDED = (2, 7)
"""The release of the recordings."""
AT_ONCE = 8
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


@pytest.fixture(scope="module")
def replays(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, pachd_address: str
) -> Iterator[dict[Path, Future[list[str]]]]:
    """Replay the recordings of the selected tests, on localpach several at a time: they mostly wait for pipelines."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    paths = [item.callspec.params["path"] for item in items if item.originalname == test_recording.__name__]
    with ThreadPoolExecutor(1 if REAL_SERVER else AT_ONCE) as pool, ExitStack() as servers:

        def serve(*options: str) -> str:
            return servers.enter_context(serving(tmp_path_factory.mktemp("pachd") / "root", *options)).address

        shared = pachd_address or serve("--pipeline-limit", "0")
        exclusive = {name: pachd_address or serve() for name in EXCLUSIVE & {path.stem for path in paths}}
        if not REAL_SERVER:  # which replays them one after the other, each while its test waits
            paths.sort(key=_pauses, reverse=True)
        yield {path: pool.submit(_replay, path, exclusive.get(path.stem, shared)) for path in paths}
        pool.shutdown(cancel_futures=True)


def _pauses(path: Path) -> float:
    return sum(step.get("sleep", 0.0) for step in load(path)["steps"])


def _replay(path: Path, address: str) -> list[str]:
    """Return the differences that have no explanation."""
    recording = load(path)
    if not REAL_SERVER and WITHOUT_KUBERNETES.get(path.stem):
        recording = without_pipeline(recording, WITHOUT_KUBERNETES[path.stem])
    if not REAL_SERVER:
        recording = without_steps(recording, UNSUPPORTED_STEPS.get(path.stem, set()))
    # Each recording gets its own prefix of three characters, a length that scenarios rely on.
    above, below = divmod(RECORDINGS.index(path), 26)
    found = differences(address, recording, f"{chr(ord('a') + below)}{chr(ord('r') + above)}-", VARIABLES)
    release = release_of(address) if REAL_SERVER else RECORDED
    if release != RECORDED:
        found = [each for each in found if not reason(each, path.stem, release)]
    return [f"{recording['name']}, {each}" for each in found]


@pytest.mark.timeout(900 if REAL_SERVER else 300)  # a pod and a worker start for each of its pipelines
@pytest.mark.parametrize("path", [path for path in RECORDINGS if playable(path)], ids=lambda path: path.stem)
def test_recording(path: Path, replays: dict[Path, Future[list[str]]]) -> None:
    if found := replays[path].result():
        pytest.fail("\n\n".join(found), pytrace=False)
