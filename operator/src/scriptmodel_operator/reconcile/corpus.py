"""The object's own corpus against its source: what has to be put into it. Pure."""

from __future__ import annotations

from scriptmodel_operator.api.corpus import CorpusHttp
from scriptmodel_operator.api.marks import Mark, Owner, Ownership
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.desired.pipelines import corpus_branch
from scriptmodel_operator.ingest.failures import SourceError
from scriptmodel_operator.ingest.origin import Attempt, Download, Origin, request_of, shown
from scriptmodel_operator.ingest.source import Source
from scriptmodel_operator.observe.view import ModelView, OwnedCorpus
from scriptmodel_operator.pachyderm.values import RepoRef
from scriptmodel_operator.reconcile.actions import AdoptRepo, CreateRepo, ReplaceFiles
from scriptmodel_operator.reconcile.failures import FAILURES_UNTIL_STALLED, problem_of
from scriptmodel_operator.reconcile.obstacles import conflict_message, may_write
from scriptmodel_operator.reconcile.origins import told_origin
from scriptmodel_operator.reconcile.state import Intake, Problem

_MINE = (Ownership.OURS, Ownership.SUCCESSOR)
Sourced = Source | Attempt | Problem | None
"""The files of a ConfigMap, what is known of a download, what keeps us from either; None where the corpus is a repo."""


def intake(model: ScriptModel, owner: Owner, source: Sourced, view: ModelView) -> Intake:
    """What comes first: a problem, the repo, its contents. Equal data is never committed again."""
    if source is None or isinstance(source, Problem):
        return Intake(problem=source)
    if isinstance(source, Source) and not source.size_bytes:
        empty = "the source of the corpus has no bytes: put scripts into it"
        return Intake(problem=Problem(Reason.CORPUS_EMPTY, empty))
    owned = view.owned_corpus
    if owned is None:
        return Intake(actions=(CreateRepo(corpus_branch(model).repo, Mark(owner).to_json()),))
    if owned.ownership not in _MINE:
        if may_write(model, owned.ownership):
            return Intake(actions=(AdoptRepo(owned.ref, Mark(owner).to_json()),))
        text = conflict_message(model, f"corpus repo {owned.ref}", owned.ownership, owned.mark)
        if owned.ownership is not Ownership.FOREIGN:
            text += " and replace its files"
        return Intake(problem=Problem(Reason.NAME_CONFLICT, text))
    return _contents(model, source, owned)


def _contents(model: ScriptModel, source: Source | Attempt, owned: OwnedCorpus) -> Intake:
    if isinstance(source, Source):
        return _from_config_map(model, source, owned)
    http = model.spec.corpus.http
    return _from_http(model, http, source, owned) if http else Intake()


def _from_config_map(model: ScriptModel, source: Source, owned: OwnedCorpus) -> Intake:
    unfinished = owned.head is not None and not owned.head.finished
    if unfinished or dict(owned.digests) == source.digests:
        return Intake()
    gone = tuple(sorted(set(owned.digests) - set(source.files)))
    return Intake(actions=(ReplaceFiles(corpus_branch(model), source.files, gone),))


def _from_http(model: ScriptModel, http: CorpusHttp, attempt: Attempt, owned: OwnedCorpus) -> Intake:
    """What pipelines may read already is asked for news in the background; what is not there yet is waited for."""
    request = request_of(http)
    origin = _origin(model, attempt, owned)
    download = Download((model.namespace, model.name), request, corpus_branch(model), origin, model.reconcile_at)
    if request.settled_by(origin):
        return Intake(origin=origin)
    told = told_origin(model) if attempt.origin is None else None  # it may have been killed before it told of the head
    if request.answered_by(origin or told):
        note = _problem(attempt).message if attempt.failure else ""
        return Intake(download=download, origin=origin or told, note=note)
    if attempt.failure is not None:
        return Intake(problem=_problem(attempt), download=download, origin=origin)
    return Intake(waiting=f"the corpus is being fetched from {shown(http.url)}", download=download, origin=origin)


def _origin(model: ScriptModel, attempt: Attempt, owned: OwnedCorpus) -> Origin | None:
    """Of the newest commit: as this process found out, or as an earlier one wrote into the status."""
    known = (attempt.origin, told_origin(model))
    head = owned.head.id if owned.head is not None else ""
    return next((origin for origin in known if origin is not None and origin.commit == head), None)


def _problem(attempt: Attempt) -> Problem:
    failure = attempt.failure
    if failure is None:
        return Problem(Reason.RETRYING, "trying again", stalled=False)
    if isinstance(failure, SourceError):
        stalled = not failure.passing or attempt.failures >= FAILURES_UNTIL_STALLED
        return Problem(failure.reason, str(failure), stalled=stalled)
    return problem_of(failure, failures=attempt.failures)


def unused(model: ScriptModel, view: ModelView) -> tuple[RepoRef, ...]:
    """Our own repo, once the source is another one and nothing reads ours any more."""
    owned = view.owned_corpus
    if owned is None or owned.readers or owned.ownership not in _MINE:
        return ()
    return () if owned.ref == corpus_branch(model).repo else (owned.ref,)
