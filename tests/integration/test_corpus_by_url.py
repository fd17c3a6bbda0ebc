"""A corpus by URL on the real API server and localpach, from a real web server on loopback."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dev.stack import Localpach, Operator
from tests.integration.cluster import Cluster, condition, is_ready
from tests.integration.pachyderm import Pachyderm
from tests.integration.texts import play
from tests.unit.operator.archives import tar_gz_of, tar_of, zip_of
from tests.web import Answer, Handler, WebServer, content, redirect, status, tagged

pytestmark = pytest.mark.timeout(900)  # two of them train, on whatever machine
TRAINING = 400
SECONDS = 60
PLAY = play().encode()


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as running:
        yield running


def by_url(url: str, **http: Any) -> dict[str, Any]:
    return {
        "corpus": {"http": {"url": url, "interval": "1s", **http}},
        "model": {"preset": "test"},
        "generation": {"words": 30},
    }


def until(holds: Callable[[], bool], within: float = SECONDS) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(0.1)


def _at_rest(found: dict[str, Any]) -> bool:
    """Ready, and its workers have gone."""
    return is_ready(found) and {each["state"] for each in found["status"]["pipelines"]} == {"STANDBY"}


def test_the_whole_life_of_a_corpus_by_url(
    cluster: Cluster, operator: Operator, pachyderm: Pachyderm, server: WebServer
) -> None:
    server.answers["/plays"] = tagged(tar_gz_of({"plays/hamlet.txt": PLAY, "notes (old).md": b"no"}))
    spec = by_url(server.url("/plays"), include=["*.txt"])
    cluster.apply("fetched", spec)
    first = cluster.wait_for("fetched", _at_rest, TRAINING)
    corpus = first["status"]["lineage"]["corpus"]
    repo = corpus["repo"]
    assert pachyderm.read(repo, corpus["commit"], "/plays/hamlet.txt").encode() == PLAY
    assert first["status"]["source"]["commit"] == corpus["commit"]
    assert first["status"]["source"]["url"] == server.url("/plays")

    # Unchanged: requested again and again, with the ETag of the last answer; nothing is committed, nothing is written.
    before = len(server.requested)
    until(lambda: len(server.requested) >= before + 3)
    assert set(server.conditions[before:]) == {first["status"]["source"]["etag"]}
    assert cluster.get("fetched")["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert len(pachyderm.commits(repo)) == 1

    # Changed: one more commit, which is learned from.
    server.answers["/plays"] = tagged(zip_of({"macbeth.txt": play(title="The Heath").encode()}))
    until(lambda: len(pachyderm.commits(repo)) == 2)
    newest = pachyderm.head(repo)
    learned = cluster.wait_for(
        "fetched", lambda found: is_ready(found) and found["status"]["lineage"]["corpus"]["commit"] == newest, TRAINING
    )
    assert pachyderm.read(repo, newest, "/macbeth.txt") == play(title="The Heath")
    assert pachyderm.versions(learned) == {"train": 1, "generate": 1}, "no pipeline was written for it"

    # The server is down: what is there stays Ready, and CorpusReady says what is the matter.
    server.answers["/plays"] = status(503)
    down = cluster.wait_for(
        "fetched", lambda found: condition(found, "CorpusReady")["reason"] == "CheckFailed", SECONDS
    )
    assert condition(down)["status"] == "True"
    assert "HTTP 503" in condition(down, "CorpusReady")["message"]
    assert "CheckFailed" in cluster.kubectl("describe", "sm", "fetched")
    assert len(pachyderm.commits(repo)) == 2

    # Another source: the repo that is no longer used goes after the pipelines read the new one.
    theirs = pachyderm.corpus({"/hamlet.txt": play()})
    cluster.apply("fetched", {**spec, "corpus": {"repo": {"name": theirs}}})
    until(lambda: repo not in pachyderm.repos())
    train = first["status"]["pipelines"][0]["name"]
    assert pachyderm.pipelines()[train].details.input.pfs.repo == theirs
    cluster.kubectl("delete", "sm", "fetched", "--wait=false")
    cluster.gone("fetched")
    assert theirs in pachyderm.repos()


def _hangs(handler: Handler) -> None:
    handler.stopping.wait(120)


REFUSED: dict[str, tuple[Answer, dict[str, Any], str, str]] = {
    "missing": (status(404), {}, "DownloadFailed", "HTTP 404 Not Found"),
    "broken": (status(500), {}, "DownloadFailed", "HTTP 500"),
    "inside": (redirect("http://127.0.0.2:1/"), {}, "NotAllowed", "127.0.0.2 is not a public address"),
    "elsewhere": (redirect("file:///etc/passwd"), {}, "DownloadFailed", "is not one of http or https"),
    "page": (content(b"<!doctype html><html>"), {}, "CorpusInvalid", "a web page"),
    "upwards": (content(tar_of({"../../etc/cron.d/x": b"x"})), {}, "CorpusInvalid", "leads outside"),
    "bomb": (content(tar_gz_of({"zeros": bytes(8 << 20)})), {}, "CorpusTooLarge", "more than 100"),
    "large": (content(bytes(2 << 20)), {"maxSizeMi": 1}, "CorpusTooLarge", "raise maxSizeMi"),
    "empty": (content(zip_of({})), {}, "CorpusEmpty", "it has no bytes"),
    "unmatched": (content(zip_of({"a.md": b"x"})), {"include": ["*.txt"]}, "CorpusEmpty", "no file in it matches"),
    "digest": (content(PLAY), {"sha256": "0" * 64}, "DigestMismatch", "and not the one that"),
}


def test_refusals_are_reported_without_a_commit_and_a_slow_server_delays_nobody(
    cluster: Cluster, operator: Operator, pachyderm: Pachyderm, server: WebServer
) -> None:
    server.answers["/hangs"] = _hangs
    cluster.apply("hangs", by_url(server.url("/hangs")))
    until(lambda: "/hangs" in server.requested)
    for name, (answer, http, _reason, _words) in REFUSED.items():
        server.answers[f"/{name}"] = answer
        cluster.apply(name, by_url(server.url(f"/{name}") + "?token=secret", **http))
    for name, (_answer, _http, reason, words) in REFUSED.items():
        found = cluster.reason(name, reason, SECONDS)
        assert words in condition(found)["message"], name
        assert "source" not in found["status"]
        assert "secret" not in json.dumps(found["status"])
    assert condition(cluster.get("hangs"))["reason"] in ("Ingesting", "DownloadFailed"), "given up after 30 seconds"
    mine = [repo for repo in pachyderm.repos() if repo.rpartition("-")[0].rpartition("-")[0] in {*REFUSED, "hangs"}]
    assert len(mine) == len(REFUSED) + 1
    assert [pachyderm.commits(repo) for repo in mine] == [[]] * len(mine)
    events = cluster.kubectl("get", "events.events.k8s.io", "-o", "json")
    assert "secret" not in events
    assert "secret" not in operator.log.read_text()
    cluster.kubectl("delete", "sm", "--all", "--wait=false")
    for name in ("hangs", *REFUSED):
        cluster.gone(name)
    assert not set(mine) & pachyderm.repos()


def test_an_operator_that_is_killed_commits_neither_twice_nor_half(
    cluster: Cluster,
    pachyderm: Pachyderm,
    localpach: Localpach,
    operator_kubeconfig: Path,
    shared_operator_paused: None,
    server: WebServer,
    tmp_path: Path,
) -> None:
    options = ["--poll-interval=0.3", f"--namespace={cluster.namespace}", "--allow-download=127.0.0.1"]

    def started(number: int) -> Operator:
        return Operator(tmp_path / str(number), operator_kubeconfig, localpach.address, options=options)

    packed, halfway = tar_of({"hamlet.txt": PLAY}), threading.Event()

    def half(handler: Handler) -> None:
        handler.start(200, {"Content-Length": str(len(packed))})
        handler.write(packed[: len(packed) // 2])
        halfway.set()
        handler.stopping.wait(120)

    server.answers["/plays"] = half
    cluster.apply("mortal", by_url(server.url("/plays"), interval="1h"))
    with started(1) as first:
        assert halfway.wait(SECONDS)
        first.kill()
    found = cluster.get("mortal")
    (repo,) = [each for each in pachyderm.repos() if each.startswith("mortal-")]
    assert pachyderm.commits(repo) == []
    server.answers["/plays"] = tagged(packed)
    with started(2) as second:
        until(lambda: bool(pachyderm.commits(repo)))
        second.kill()
    with started(3):
        found = cluster.ready("mortal", TRAINING)
        assert found["status"]["source"]["commit"] == pachyderm.head(repo)
        assert pachyderm.commits(repo) == [pachyderm.head(repo)], "one commit"
        cluster.kubectl("delete", "sm", "mortal", "--wait=false")
        cluster.gone("mortal")
    assert not [each for each in pachyderm.repos() if each.startswith("mortal-")]
