"""Replays every recording of the real server.

With PACHD_ADDRESS set the recordings are replayed against that server instead; PACHD_IMAGE is an image that its
pipelines can use. A server of a later release than 2.7 may differ in the ways that `later.py` and `later.yaml`
explain, and in no other.
"""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.contract.later import reason
from tests.contract.met import release_of
from tests.contract.replay import differences, load
from tests.contract.serving import serving

RECORDINGS = sorted(Path(__file__).with_name("recordings").glob("*.yaml"))
REAL_SERVER = bool(os.environ.get("PACHD_ADDRESS"))
VARIABLES = {"image": os.environ["PACHD_IMAGE"]} if "PACHD_IMAGE" in os.environ else {}
RECORDED = (2, 7)
"""The release of the recordings."""
AT_ONCE = 8
LISTS_ALL = "transactions"
"""A recording that lists all transactions of a server."""


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

        shared = pachd_address or serve()
        alone = pachd_address or serve()
        if not REAL_SERVER:  # which replays them one after the other, each while its test waits
            paths.sort(key=_pauses, reverse=True)
        yield {path: pool.submit(_replay, path, alone if path.stem == LISTS_ALL else shared) for path in paths}
        pool.shutdown(cancel_futures=True)


def _pauses(path: Path) -> float:
    return sum(step.get("sleep", 0.0) for step in load(path)["steps"])


def _replay(path: Path, address: str) -> list[str]:
    """Return the differences that have no explanation."""
    recording = load(path)
    # Each recording gets its own prefix of three characters, a length that scenarios rely on.
    above, below = divmod(RECORDINGS.index(path), 26)
    found = differences(address, recording, f"{chr(ord('a') + below)}{chr(ord('r') + above)}-", VARIABLES)
    release = release_of(address) if REAL_SERVER else RECORDED
    if release != RECORDED:
        found = [each for each in found if not reason(each, path.stem, release)]
    return [f"{recording['name']}, {each}" for each in found]


@pytest.mark.timeout(900 if REAL_SERVER else 300)  # a pod and a worker start for each of its pipelines
@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recording(path: Path, replays: dict[Path, Future[list[str]]]) -> None:
    if found := replays[path].result():
        pytest.fail("\n\n".join(found), pytrace=False)
