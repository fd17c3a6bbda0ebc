"""A corpus by URL in the life of an object: what is decided from what is known of its download."""

from typing import Any

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.status import SourceStatus
from scriptmodel_operator.engine.errors import UnavailableError
from scriptmodel_operator.ingest.downloads import DownloadState
from scriptmodel_operator.ingest.fetch import SourceError
from tests.unit.operator.world import PLAYS, World, scriptmodel

URL = "https://example.com/plays.tar.gz"
CHECKED = "2026-01-01T12:00:00Z"
MISSING = SourceError(Reason.DOWNLOAD_FAILED, f"could not fetch {URL}: 404", urls={URL: "404"})


def by_url(**http: Any) -> dict[str, Any]:
    return {"corpus": {"http": {"urls": [URL], **http}}}


def new_world(**http: Any) -> World:
    return World(model=scriptmodel(by_url(**http)), source=DownloadState())


def record_of(world: World, commit: str) -> SourceStatus:
    http = world.model.spec.corpus.http
    assert http is not None
    return SourceStatus(commit=commit, request=http.digest, last_check_time=CHECKED, last_change_time=CHECKED)


def delivered(world: World) -> None:
    """Finish the download that the object requested, with a commit."""
    world.source = DownloadState(record=record_of(world, world.pachyderm.put(world.corpus, PLAYS)))


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


def test_a_restarted_operator_knows_the_commit_from_the_status_and_only_checks() -> None:
    world = trained()
    status = world.model.status
    world.source = DownloadState()
    state = world.reconcile()
    assert state.source.download is not None
    assert state.source.download.known == record_of(world, status["source"]["commit"])
    assert world.model.status == status, "nothing is written"
    assert world.written() == []


def test_a_server_that_fails_later_is_reported_and_the_model_stays_ready() -> None:
    world = trained()
    source = world.model.status["source"]
    world.source = DownloadState(MISSING, failures=9, record=world.source.record)  # type: ignore[union-attr]  # an attempt
    world.reconcile()
    assert world.ready == ("True", "Generated")
    assert f"newer corpus is not known: could not fetch {URL}" in world.condition("Ready")["message"]
    assert world.model.status["source"] == {**source, "errors": [{"url": URL, "message": "404"}]}
    assert (world.condition("CorpusReady")["status"], world.condition("CorpusReady")["reason"]) == (
        "True",
        "CheckFailed",
    )
    assert world.written() == []
    world.apply({**by_url(), "model": {"preset": "small"}})
    assert world.written() == [f"update {world.train.name}"], "what needs no newer corpus continues"


def test_a_server_that_was_never_reached_is_stalled_and_its_urls_are_listed() -> None:
    world = new_world()
    world.source = DownloadState(MISSING, 1)
    state = world.reconcile()
    assert world.ready == ("False", "DownloadFailed")
    assert world.condition("Stalled")["status"] == "True"
    assert world.condition("CorpusReady")["reason"] == "DownloadFailed"
    assert world.model.status["source"] == {"errors": [{"url": URL, "message": "404"}]}
    assert state.source.download is not None, "it is tried again"
    world.source = DownloadState(UnavailableError("putting files", "gone"), 1)
    world.reconcile()
    assert world.ready == ("False", "EngineUnavailable")
    assert "source" not in world.model.status


def test_a_changed_address_waits_for_its_download_and_keeps_the_previous_corpus() -> None:
    world = trained()
    world.want({"corpus": {"http": {"urls": ["https://example.com/other/plays.tar.gz"]}}})
    world.source = DownloadState()
    world.reconcile()
    assert world.ready == ("False", "Ingesting")
    assert "script" in world.model.status
    world.source = DownloadState(MISSING, 1)
    world.reconcile()
    assert world.ready == ("False", "DownloadFailed")
    assert world.written() == []
    delivered(world)
    world.reconcile()
    world.pachyderm.succeed(world.train)
    world.pachyderm.succeed(world.generate)
    world.reconcile()
    assert world.ready == ("True", "Generated")


def test_a_foreign_commit_is_not_recorded_as_the_source() -> None:
    world = trained()
    world.pachyderm.put(world.corpus, {"/theirs.txt": b"x"})
    state = world.reconcile()
    assert world.ready == ("False", "Ingesting")
    assert state.source.download is not None
    assert state.source.download.known is None
