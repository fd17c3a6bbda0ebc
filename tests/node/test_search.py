"""A search and a corpus by URL: trials in pods of workers, one of which is lost."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dev.cluster import network
from tests.integration.cluster import condition
from tests.integration.texts import play
from tests.node.conftest import SCRIPTMODEL
from tests.node.engines import Engine
from tests.node.release import NAME, Release
from tests.node.running import Namespace, Object, Person, Running
from tests.web import WebServer, content

pytestmark = pytest.mark.timeout(900)

LOST, FETCHED = (f"{SCRIPTMODEL}-{name}" for name in ("halved", "fetched"))
TRAINING = 420
DROPOUT = {"name": "dropout", "uniform": {"min": "0", "max": "0.5"}}


@pytest.fixture(autouse=True)
def running(engine: Engine, release: Release, current: Path, plays: Namespace) -> Iterator[None]:
    """The operator runs. After the test, nothing of its objects is left in the engine."""
    release.deploy(current, policy={"downloads": [str(network.GATEWAY.ip)]})
    yield
    plays.kubectl("delete", "scriptmodels", "--all", "--timeout=180s")
    assert not [name for name in engine.names() if name.startswith(f"{SCRIPTMODEL}-")]
    release.helm("uninstall", NAME, "--wait", "--timeout=3m")


def searching(corpus: Object, **search: Any) -> Object:
    return {
        "corpus": corpus,
        "model": {"preset": "test", "overrides": {"epochs": 4}},
        "generation": {"words": 50},
        "search": {"parameters": [DROPOUT], "parallelTrials": 2, **search},
    }


def pods_that_train() -> set[str]:
    """The cgroups of the pods that train a trial."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if b"\0--trial\0" in (process / "cmdline").read_bytes():
                found.add((process / "cgroup").read_text())
    return {each for each in found if "kubepods" in each}


def test_trials_run_in_parallel_and_a_worker_is_lost(
    cluster: Running, plays: Namespace, writer: Person, engine: Engine
) -> None:
    corpus = writer.push({"castle.txt": play(60)})
    plays.apply(LOST, searching({"repo": {"name": corpus}}, numTrials=4))
    cluster.until("two trials are trained at a time", lambda: len(pods_that_train()) == 2, TRAINING)
    engine.lose_worker(plays.get(LOST))
    found = plays.ready(LOST, TRAINING)
    assert engine.trained(found) == 4
    assert found["status"]["search"]["trials"]["complete"] == 4
    assert found["status"]["script"]["excerpt"]


def test_a_corpus_by_url_has_an_archive_and_is_learned_once(plays: Namespace, engine: Engine) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("heath.txt", play(30, "The Heath"))
    with WebServer(host=str(network.GATEWAY.ip)) as web:
        web.answers |= {"/castle.txt": content(play(60).encode()), "/plays.zip": content(archive.getvalue())}
        urls = {"http": {"urls": [web.url("/castle.txt"), web.url("/plays.zip")]}}
        plays.apply(FETCHED, searching(urls, numTrials=2))
        first = plays.ready(FETCHED, TRAINING)
        assert engine.trained(first) == 2
        plays.kubectl("annotate", "scriptmodel", FETCHED, "scriptmodel.dev/reconcile-at=again")
        again = plays.wait_for(FETCHED, lambda each: each["status"].get("lastHandledReconcileAt") == "again", TRAINING)
        assert len(web.requested) >= 4
        assert (condition(again)["status"], engine.trained(again)) == ("True", 2)
        assert again["status"]["lineage"]["corpus"] == first["status"]["lineage"]["corpus"]
