"""A corpus by URL on the real API server and localpach, from a real web server on loopback."""

import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dev.stack import TRAINER_IMAGE, Localpach, Operator
from tests.integration.cluster import QUICK_TRAINER, Cluster, condition, is_ready, until
from tests.integration.pachyderm import Pachyderm, place
from tests.integration.texts import play
from tests.web import Handler, WebServer, content, redirect, status

pytestmark = pytest.mark.timeout(600)
SECONDS = 120
PLAY, HEATH = play().encode(), play(title="The Heath").encode()
Start = Callable[..., Operator]


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as running:
        yield running


@pytest.fixture(scope="module")
def pachd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localpach]:
    with Localpach(tmp_path_factory.mktemp("pachd"), {TRAINER_IMAGE: QUICK_TRAINER}) as running:
        yield running


@pytest.fixture
def pachyderm(pachd: Localpach, cluster: Cluster) -> Iterator[Pachyderm]:
    with Pachyderm(pachd.address, namespace=cluster.namespace) as client:
        yield client


@pytest.fixture
def start(
    cluster: Cluster, pachd: Localpach, operator_kubeconfig: Path, shared_operator_paused: None, tmp_path: Path
) -> Start:
    """Returns an operator of the test's namespace, to be started."""

    def made(*options: str) -> Operator:
        usual = ["--poll-interval=0.3", f"--namespace={cluster.namespace}", "--allow-download=127.0.0.1"]
        return Operator(tmp_path / uuid.uuid4().hex, operator_kubeconfig, pachd.address, options=[*usual, *options])

    return made


def by_url(*urls: str, **http: Any) -> dict[str, Any]:
    return {"corpus": {"http": {"urls": list(urls), **http}}, "model": {"preset": "test"}, "generation": {"words": 30}}


def _at_rest(found: dict[str, Any]) -> bool:
    """Ready, and its workers have gone."""
    return is_ready(found) and {each["state"] for each in found["status"]["pipelines"]} == {"STANDBY"}


def test_the_whole_life_of_a_corpus_by_url(
    cluster: Cluster, start: Start, pachyderm: Pachyderm, server: WebServer
) -> None:
    with start():
        _live(cluster, pachyderm, server)


def _live(cluster: Cluster, pachyderm: Pachyderm, server: WebServer) -> None:
    server.answers |= {"/plays/hamlet.txt": content(PLAY), "/moved": redirect("/lear"), "/lear": content(b"LEAR: No.")}
    spec = by_url(server.url("/plays/hamlet.txt?token=canary"), server.url("/moved"))
    cluster.apply("fetched", spec)
    first = cluster.wait_for("fetched", _at_rest, SECONDS)
    repo, corpus = place(first["status"]["lineage"]["corpus"])
    train = first["status"]["pipelines"][0]["name"]
    assert pachyderm.read(repo, corpus, "/hamlet.txt").encode() == PLAY
    assert pachyderm.read(repo, corpus, "/moved") == "LEAR: No.", "redirects are followed"
    assert first["status"]["source"]["commit"] == corpus

    # Equal bytes: everything is fetched again, and neither a commit nor a job is made.
    jobs, requests = len(pachyderm.jobs(train)), len(server.requested)
    checked = cluster.reconcile("fetched")
    assert len(server.requested) == requests + 3
    assert (len(pachyderm.commits(repo)), len(pachyderm.jobs(train))) == (1, jobs)
    assert checked["status"]["source"]["commit"] == corpus
    assert _at_rest(cluster.get("fetched"))

    # Changed: one more commit, which is learned from.
    server.answers["/plays/hamlet.txt"] = content(HEATH)
    cluster.reconcile("fetched")
    newest = pachyderm.head(repo)
    assert len(pachyderm.commits(repo)) == 2
    learned = cluster.wait_for(
        "fetched",
        lambda found: is_ready(found) and found["status"]["lineage"]["corpus"].partition("@")[2] == newest,
        SECONDS,
    )
    assert pachyderm.read(repo, newest, "/hamlet.txt").encode() == HEATH
    assert pachyderm.read(repo, newest, "/moved") == "LEAR: No."
    assert pachyderm.versions(learned) == {"train": 1, "generate": 1}, "no pipeline was written for it"

    # The server fails: what is there stays Ready, and CorpusReady says what is the matter.
    server.answers["/moved"] = status(503)
    down = cluster.reconcile("fetched")
    assert condition(down)["status"] == "True"
    assert condition(down, "CorpusReady")["reason"] == "CheckFailed"
    assert server.url("/moved") in condition(down, "CorpusReady")["message"]
    assert "503" in condition(down, "CorpusReady")["message"]
    assert [each["url"] for each in down["status"]["source"]["errors"]] == [server.url("/moved")]
    assert "CheckFailed" in cluster.kubectl("describe", "sm", "fetched")
    assert len(pachyderm.commits(repo)) == 2

    # Another source: the repo that is no longer used goes after the pipelines read the new one.
    theirs = pachyderm.corpus({"/hamlet.txt": play()})
    cluster.apply("fetched", {**spec, "corpus": {"repo": {"name": theirs}}})
    until("the repo goes", lambda: repo not in pachyderm.repos())
    assert pachyderm.pipelines()[train].details.input.pfs.repo == theirs
    cluster.delete("fetched")
    assert theirs in pachyderm.repos()


def test_an_operator_that_is_killed_commits_neither_twice_nor_half(
    cluster: Cluster, start: Start, pachyderm: Pachyderm, server: WebServer
) -> None:
    halfway = threading.Event()

    def half(handler: Handler) -> None:
        handler.start(200, {"Content-Length": str(len(PLAY))})
        handler.write(PLAY[: len(PLAY) // 2])
        halfway.set()
        handler.stopping.wait(120)

    server.answers["/plays.txt"] = half
    cluster.apply("mortal", by_url(server.url("/plays.txt")))
    with start() as first:
        assert halfway.wait(SECONDS)
        first.kill()
    found = cluster.get("mortal")
    (repo,) = [each for each in pachyderm.repos() if each.startswith("mortal-")]
    assert pachyderm.commits(repo) == []
    server.answers["/plays.txt"] = content(PLAY)
    with start() as second:
        until("a commit", lambda: bool(pachyderm.commits(repo)))
        second.kill()
    with start():
        found = cluster.ready("mortal", SECONDS)
        assert found["status"]["source"]["commit"] == pachyderm.head(repo)
        assert pachyderm.commits(repo) == [pachyderm.head(repo)], "one commit"
        cluster.delete("mortal")
    assert not [each for each in pachyderm.repos() if each.startswith("mortal-")]
