"""A corpus by URL in the life of an object: what is decided from what is known of its download."""

from __future__ import annotations

from typing import Any

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.failures import SourceError
from scriptmodel_operator.ingest.values import Attempt, DownloadRecord, Validators, request_of
from scriptmodel_operator.pachyderm.errors import UnavailableError
from scriptmodel_operator.pachyderm.values import BranchRef, RepoRef
from tests.unit.operator.world import PLAYS, World, scriptmodel

URL = "https://example.com/plays.tar.gz"
SHA = "5" * 64
DOWN = SourceError(Reason.DOWNLOAD_FAILED, "HTTP 503", passing=True)
MISSING = SourceError(Reason.DOWNLOAD_FAILED, "HTTP 404")


def by_url(**http: Any) -> dict[str, Any]:
    return {"corpus": {"http": {"url": URL, **http}}}


def new_world(**http: Any) -> World:
    return World(model=scriptmodel(by_url(**http)), source=Attempt())


def record_of(world: World, commit: str) -> DownloadRecord:
    http = world.model.spec.corpus.http
    assert http is not None
    return DownloadRecord(commit, request_of(http).digest, SHA, Validators('"1"'))


def delivered(world: World) -> None:
    """Finish the download that the object requested, with a commit."""
    world.source = Attempt(record=record_of(world, world.pachyderm.put(world.corpus, PLAYS)))


def trained() -> World:
    world = new_world()
    world.reconcile()
    delivered(world)
    world.reconcile()
    world.pachyderm.succeed(world.train)
    world.pachyderm.succeed(world.generate)
    world.reconcile()
    assert world.ready == ("True", "Generated")
    world.written()
    return world


def test_the_repo_precedes_the_download_and_the_pipelines() -> None:
    world = new_world()
    state = world.reconcile()
    corpus = world.model.names.corpus
    assert world.written() == [f"create repo {corpus}"]
    assert state.source.download is not None
    assert (state.source.download.branch, state.source.download.known) == (world.corpus, None)
    assert world.ready == ("False", "Ingesting")
    assert URL in world.condition("Ready")["message"]
    assert [world.condition(kind)["reason"] for kind in ("CorpusReady", "Trained")] == ["Ingesting", "NotStarted"]
    delivered(world)
    world.reconcile()
    assert world.written() == [f"create {world.train.name}", f"create {world.generate.name}"]
    assert world.model.status["source"] == {
        "url": URL,
        "sha256": SHA,
        "etag": '"1"',
        "request": request_of(world.model.spec.corpus.http).digest,  # type: ignore[arg-type]  # it is there
        "commit": world.pachyderm.heads[world.corpus],
    }


def test_a_restarted_operator_knows_the_commit_from_the_status_and_only_polls() -> None:
    world = trained()
    status = world.model.status
    world.source = Attempt()
    state = world.reconcile()
    assert state.source.download is not None
    assert state.source.download.known == record_of(world, status["source"]["commit"])
    assert world.model.status == status, "nothing is written"
    assert world.written() == []


def test_a_commit_missing_in_the_status_after_a_kill_is_inspected_without_an_event() -> None:
    world = trained()
    status = world.model.status
    world.pachyderm.put(world.corpus, {"/hamlet.txt": b"HAMLET: To be no more."})
    world.pachyderm.succeed(world.train)
    world.pachyderm.succeed(world.generate)
    world.source = Attempt()
    state = world.reconcile()
    assert state.source.download is not None
    assert state.source.download.known is None, "all of it is fetched and compared"
    assert world.ready == ("True", "Generated")
    assert world.model.status["source"] == status["source"]


def test_without_status_the_download_is_made_again_and_nothing_else_happens() -> None:
    world = trained()
    world.model = scriptmodel(by_url())
    world.source = Attempt()
    state = world.reconcile()
    assert state.source.download is not None
    assert state.source.download.known is None
    assert world.ready == ("False", "Ingesting")
    assert world.written() == []


def test_a_server_that_fails_later_is_reported_and_the_model_stays_ready() -> None:
    world = trained()
    world.source = Attempt(DOWN, failures=9)
    world.reconcile()
    assert world.ready == ("True", "Generated")
    assert "newer corpus is not known: HTTP 503" in world.condition("Ready")["message"]
    assert (world.condition("CorpusReady")["status"], world.condition("CorpusReady")["reason"]) == (
        "True",
        "CheckFailed",
    )
    assert world.written() == []
    world.want({**by_url(), "model": {"preset": "small"}})
    world.reconcile()
    assert world.written() == [f"update {world.train.name}"], "what needs no newer corpus continues"


def test_a_server_that_was_never_reached_is_stalled_after_some_attempts_or_at_once_where_waiting_cannot_help() -> None:
    world = new_world()
    for failure, failures, stalled in ((DOWN, 1, "False"), (DOWN, 5, "True"), (MISSING, 1, "True")):
        world.source = Attempt(failure, failures)
        state = world.reconcile()
        assert world.ready == ("False", "DownloadFailed")
        assert world.condition("Stalled")["status"] == stalled
        assert world.condition("CorpusReady")["reason"] == "DownloadFailed"
        assert state.source.download is not None, "it is tried again"
    world.source = Attempt(UnavailableError("putting files", "gone"), 1)
    world.reconcile()
    assert world.ready == ("False", "PachydermUnavailable")


def test_a_changed_address_waits_for_its_download_and_keeps_the_previous_corpus() -> None:
    world = trained()
    world.want({"corpus": {"http": {"url": "https://example.com/other.zip"}}})
    world.source = Attempt()
    world.reconcile()
    assert world.ready == ("False", "Ingesting")
    assert "script" in world.model.status
    world.source = Attempt(SourceError(Reason.CORPUS_INVALID, "a web page"), 1)
    world.reconcile()
    assert world.ready == ("False", "CorpusInvalid")
    assert world.written() == []
    delivered(world)
    world.reconcile()
    world.pachyderm.succeed(world.train)
    world.pachyderm.succeed(world.generate)
    world.reconcile()
    assert world.ready == ("True", "Generated")


def test_a_changed_digest_is_downloaded_and_the_right_one_is_never_polled_again() -> None:
    world = trained()
    world.want(by_url(sha256=SHA))
    world.source = Attempt()
    state = world.reconcile()
    assert world.ready == ("True", "Generated")
    assert state.source.download is None, "there can be nothing newer"
    world.want(by_url(sha256="6" * 64))
    world.source = Attempt(SourceError(Reason.DIGEST_MISMATCH, "not the one"), 1)
    state = world.reconcile()
    assert world.ready == ("False", "DigestMismatch")
    assert state.source.download is not None


def test_the_interval_is_not_part_of_the_request() -> None:
    world = trained()
    world.want(by_url(interval="5m", maxSizeMi=1))
    world.source = Attempt()
    world.reconcile()
    assert world.ready == ("True", "Generated")


def test_a_foreign_commit_is_not_recorded_as_the_source() -> None:
    world = trained()
    world.pachyderm.put(world.corpus, {"/theirs.txt": b"x"})
    state = world.reconcile()
    assert world.ready == ("False", "Ingesting")
    assert state.source.download is not None
    assert state.source.download.known is None


def test_a_repo_that_pipelines_read_is_kept_until_they_read_the_new_one() -> None:
    """Change the source from another owner's repo to a URL and back."""
    world = World()
    theirs = BranchRef(RepoRef("default", "plays"), "master")
    world.pachyderm.put(theirs, PLAYS)
    world.reconcile()
    world.written()
    world.want(by_url())
    world.source = Attempt()
    world.reconcile()
    own = world.corpus.repo
    assert world.written() == [f"create repo {own.name}"]
    delivered(world)
    world.reconcile()
    assert world.written() == [f"update {world.train.name}"]
    assert world.pachyderm.pipelines[world.train][-1].inputs == (world.corpus,)
    world.want({})
    world.source = None
    world.reconcile()
    assert world.written() == [f"update {world.train.name}", f"delete repo {own.name}"]
    assert "source" not in world.model.status
    assert theirs.repo in world.pachyderm.repos


def test_a_repo_of_somebody_else_by_the_corpus_name_is_not_downloaded_into() -> None:
    world = new_world()
    world.pachyderm.put(world.corpus, {"/theirs.txt": b"x"})
    state = world.reconcile()
    assert world.ready == ("False", "NameConflict")
    assert state.source.download is None


def test_a_suspended_object_keeps_its_download_record() -> None:
    world = trained()
    source = world.model.status["source"]
    world.want({**by_url(), "suspend": True})
    world.source = None
    state = world.reconcile()
    assert world.model.status["source"] == source
    assert state.source.download is None
