"""Compares the object's own corpus with its source: what has to be put into it? Pure."""

from collections.abc import Iterator, Mapping

from scriptmodel_operator.act.actions import CreateRepo, DeleteRepo, ReplaceFiles
from scriptmodel_operator.act.ownership import own_repo
from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.corpus import CorpusDownload, CorpusHttp
from scriptmodel_operator.api.identity import engine_fetcher
from scriptmodel_operator.api.marks import Owner
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.status import SourceStatus
from scriptmodel_operator.desired.references import References
from scriptmodel_operator.ingest.downloads import Download, DownloadState, Failure
from scriptmodel_operator.ingest.fetch import SourceError
from scriptmodel_operator.ingest.source import Files, Sourced, digests_of
from scriptmodel_operator.observe.view import ModelView, OwnedRepo
from scriptmodel_operator.reconcile.failures import FAILURES_UNTIL_STALLED, problem_of
from scriptmodel_operator.reconcile.state import CorpusSource

_PUTTING = "the corpus is being put into its repo"


def own_corpus(model: ScriptModel, owner: Owner, source: Sourced, view: ModelView) -> CorpusSource:
    """Compare the source with the repo: first a problem, then the repo, then its contents.

    Equal data is never committed again.
    """
    match source:
        case None:
            return CorpusSource()
        case Problem():
            return CorpusSource(problem=source)
        case Mapping() if not any(source.values()):
            text = "the source of the corpus has no bytes: put scripts into it"
            return CorpusSource(problem=Problem(Reason.CORPUS_EMPTY, text))
        case _:
            return _in_repo(model, owner, source, view)


def _in_repo(model: ScriptModel, owner: Owner, source: Files | DownloadState, view: ModelView) -> CorpusSource:
    effect = " and replace its files"
    owned = own_repo(model, owner, view.refs.own_corpus, view.owned.corpus, "corpus repo", effect)
    if isinstance(owned, Problem):
        return CorpusSource(problem=owned)
    if isinstance(owned, CreateRepo):
        return CorpusSource(waits_for=_PUTTING, actions=(owned,))
    request = model.spec.corpus.download
    if not isinstance(source, DownloadState):
        return _from_config_map(view.refs, source, owned)
    return _downloaded(model, view, request, source, owned) if request else CorpusSource()


def _from_config_map(refs: References, files: Files, owned: OwnedRepo) -> CorpusSource:
    unfinished = owned.head is not None and not owned.head.finished
    if unfinished or dict(owned.digests) == digests_of(files):
        return CorpusSource()
    gone = tuple(sorted(set(owned.digests) - set(files)))
    return CorpusSource(waits_for=_PUTTING, actions=(ReplaceFiles(refs.own_branch, files, gone),))


def _downloaded(
    model: ScriptModel, view: ModelView, request: CorpusDownload, attempt: DownloadState, owned: OwnedRepo
) -> CorpusSource:
    """Check in the background for newer data where pipelines can read older data; else wait for the download."""
    record = _record(model, attempt, owned)
    requested = model.reconcile_at if model.reconcile_requested else ""
    download = Download(model.key, request, view.refs.own_branch, record, requested, view.engine.id, attempt)
    failure = _problem(attempt.failure, attempt.failures, view.engine.id) if attempt.failure else None
    errors = attempt.failure.urls if isinstance(attempt.failure, SourceError) else {}
    # An operator that was killed may have made the newest commit without recording it; its predecessor is known.
    known = record or (model.previous.download if attempt.record is None else None)
    if known is not None and known.request == request.digest:
        return CorpusSource(known, download, unchecked=failure.message if failure else "", errors=errors)
    if failure is not None:
        return CorpusSource(record, download, problem=failure, errors=errors)
    where = ", ".join(request.hosts) if isinstance(request, CorpusHttp) else request.url
    return CorpusSource(
        record, download, waits_for=f"{engine_fetcher(view.engine.id)} is fetching the corpus from {where}"
    )


def _record(model: ScriptModel, attempt: DownloadState, owned: OwnedRepo) -> SourceStatus | None:
    """Return what the newest commit was made from, as this process found out or an earlier one put into the status."""
    known = (attempt.record, model.previous.download)
    head = owned.head.id if owned.head is not None else ""
    return next((record for record in known if record is not None and record.commit == head), None)


def _problem(failure: Failure, failures: int, engine: str) -> Problem:
    if isinstance(failure, SourceError):
        stalled = not failure.passing or failures >= FAILURES_UNTIL_STALLED
        return Problem(failure.reason, str(failure), stalled=stalled)
    return problem_of(failure, engine, failures=failures)


def unused_repos(view: ModelView) -> Iterator[DeleteRepo]:
    """Yield the deletion of each repo of the object's own that the spec no longer needs, once no pipeline reads it."""
    for owned, needed in (
        (view.owned.corpus, view.refs.own_corpus == view.refs.corpus.repo),
        (view.owned.trials, view.refs.searches),
        (view.base.owned, view.base.current),
    ):
        if owned is not None and owned.ownership.ours and not owned.readers and not needed:
            yield DeleteRepo(owned.ref)
