"""Decides what is put into the repos that the object owns, and what is deleted with it. Pure.

Once training has a copy of its base model, the object no longer needs the source.
"""

from collections.abc import Iterator, Mapping

from scriptmodel_operator.act.actions import Action, copy_base, delete_pipeline, delete_repo, own_repo, put_files
from scriptmodel_operator.api.conditions import Condition, Problem
from scriptmodel_operator.api.corpus import CorpusDownload, CorpusHttp
from scriptmodel_operator.api.identity import engine_fetcher
from scriptmodel_operator.api.marks import Owner
from scriptmodel_operator.api.network import Base
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.api.status import SourceStatus
from scriptmodel_operator.desired.base import copy_name
from scriptmodel_operator.engine.values import BranchRef, Copies
from scriptmodel_operator.ingest.downloads import Download, DownloadState, Failure
from scriptmodel_operator.ingest.fetch import SourceError
from scriptmodel_operator.ingest.source import Files, Sourced, digests_of
from scriptmodel_operator.observe.view import ModelView
from scriptmodel_operator.reconcile.failures import FAILURES_UNTIL_STALLED, problem_of
from scriptmodel_operator.reconcile.state import CorpusSource

_PUTTING = Condition(Reason.INGESTING, "the corpus is being put into its repo")
_NEEDED = ("/model.json", "/metrics.json")
"""Files that each model directory has."""


def base_to_copy(model: ScriptModel, owner: Owner, view: ModelView) -> Action | Problem | None:
    """Return the next action towards the base model, None once there is a copy; or what prevents it."""
    source, start = view.base.source, model.spec.model.start
    if source is None or start is None:
        return None
    name = _named(start, model)
    if source.repo is None:
        own = start.script_model == model.name
        text = "is this object, which has no model yet: remove" if own else "does not exist: create it, or correct"
        return Problem(Reason.BASE_NOT_FOUND, f"{name} {text} spec.model.from")
    if source.commit is None:
        text = f"{name} has no finished model yet: training starts once it has one"
        return Problem(Reason.WAITING_FOR_BASE, text, stalled=False)
    if missing := [path for path in _NEEDED if source.folder + path not in source.paths]:
        text = f"{name} is not a model directory, since it has no {missing[0]}: correct spec.model.from"
        return Problem(Reason.BASE_INVALID, f"{text} (commit {short_id(source.commit)})")
    copy = BranchRef(view.refs.own_base, copy_name(view.base.origin, source.commit))
    return own_repo(model, owner, copy.repo, view.own_base, "repo") or copy_base(
        copy, Copies(source.repo, source.commit, source.paths)
    )


def _named(base: Base, model: ScriptModel) -> str:
    if base.repo is not None:
        return f"base model {base.repo.project}/{base.repo.name}@{base.repo.branch}"
    return f"base ScriptModel {base.script_model} with steps in project {model.spec.pachyderm.project}"


def own_corpus(model: ScriptModel, owner: Owner, source: Sourced, view: ModelView) -> CorpusSource:
    """Compare the source with the repo: first a problem, then the repo, then its contents.

    Equal data is never committed again.
    """
    if source is None or isinstance(source, Problem):
        return CorpusSource(blocks=source)
    if isinstance(source, Mapping) and not any(source.values()):
        text = "the source of the corpus has no bytes: put scripts into it"
        return CorpusSource(blocks=Problem(Reason.CORPUS_EMPTY, text))
    effect = " and replace its files"
    own = own_repo(model, owner, view.refs.own_corpus, view.own_corpus, "corpus repo", effect)
    if isinstance(own, Problem):
        return CorpusSource(blocks=own)
    if own is not None:
        return CorpusSource(blocks=_PUTTING, actions=(own,))
    request = model.spec.corpus.download
    if not isinstance(source, DownloadState):
        return _from_config_map(view, source)
    return _downloaded(model, view, request, source) if request else CorpusSource()


def _from_config_map(view: ModelView, files: Files) -> CorpusSource:
    owned = view.own_corpus
    unfinished = owned is not None and owned.head is not None and not owned.head.finished
    known = dict(owned.digests) if owned is not None else {}
    if unfinished or known == digests_of(files):
        return CorpusSource()
    gone = tuple(sorted(set(known) - set(files)))
    return CorpusSource(blocks=_PUTTING, actions=(put_files(view.refs.own_branch, files, gone),))


def _downloaded(model: ScriptModel, view: ModelView, request: CorpusDownload, attempt: DownloadState) -> CorpusSource:
    """Check in the background for newer data where pipelines can read older data; else wait for the download."""
    head = view.own_corpus.head.id if view.own_corpus and view.own_corpus.head else ""
    found = (attempt.record, model.previous.download)  # by this process, or by an earlier one
    record: SourceStatus | None = next((each for each in found if each is not None and each.commit == head), None)
    requested = model.reconcile_at if model.reconcile_requested else ""
    download = Download(model.key, request, view.refs.own_branch, record, requested, view.engine, attempt)
    failure = _problem(attempt.failure, attempt.failures, view.engine) if attempt.failure else None
    errors = attempt.failure.urls if isinstance(attempt.failure, SourceError) else {}
    # An operator that was killed may have made the newest commit without recording it; its predecessor is known.
    known = record or (model.previous.download if attempt.record is None else None)
    if known is not None and known.request == request.digest:
        return CorpusSource(known, download, unchecked=failure.message if failure else "", errors=errors)
    where = ", ".join(request.hosts) if isinstance(request, CorpusHttp) else request.url
    fetching = Condition(Reason.INGESTING, f"{engine_fetcher(view.engine)} is fetching the corpus from {where}")
    return CorpusSource(record, download, blocks=failure or fetching, errors=errors)


def _problem(failure: Failure, failures: int, engine: str) -> Problem:
    if isinstance(failure, SourceError):
        stalled = not failure.passing or failures >= FAILURES_UNTIL_STALLED
        return Problem(failure.reason, str(failure), stalled=stalled)
    return problem_of(failure, engine, failures=failures)


def unused_repos(view: ModelView) -> Iterator[Action]:
    """Yield the deletion of each repo of the object's own that the spec no longer needs, once no pipeline reads it."""
    for owned, needed in (
        (view.own_corpus, view.refs.own_corpus == view.refs.corpus.repo),
        (view.own_trials, view.refs.searches),
        (view.own_base, view.base.current),
    ):
        if owned is not None and owned.ownership.ours and not owned.readers and not needed:
            yield delete_repo(owned.ref)


def plan_deletion(model: ScriptModel, view: ModelView) -> tuple[Action, ...] | Problem:
    """Return the actions that delete the object's own pipelines and repos, none once all are gone; or what blocks them.

    Pipelines come before repos, and generate before those from which it reads. Nothing else is deleted.
    """
    pipelines = [seen.info.ref for seen in reversed(view.own)]
    keep = model.spec.deletion_policy == "Retain"
    found = () if keep else (view.own_corpus, view.own_trials, view.own_base)
    repos = [repo for repo in found if repo is not None and repo.ownership.ours]
    found_readers = [view.readers if pipelines else {}, *(repo.readers for repo in repos)]
    readers = {ref: owner for found in found_readers for ref, owner in found.items() if ref not in pipelines}
    if readers:
        names = [str(ref) for ref in sorted(readers) if readers[ref] in ("", model.namespace)]
        hidden = len(readers) - len(names)  # names of other namespaces must not be revealed
        names += [f"{hidden} of other namespaces"] if hidden else []
        return Problem(
            Reason.DELETION_BLOCKED,
            f"other pipelines or ScriptModels read its outputs ({', '.join(names)}): delete them or point them "
            "elsewhere, or set deletionPolicy: Orphan to leave everything as it is",
        )
    return (*(delete_pipeline(ref, keep_repo=keep) for ref in pipelines), *(delete_repo(repo.ref) for repo in repos))
