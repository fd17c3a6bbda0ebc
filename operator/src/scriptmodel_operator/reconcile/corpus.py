"""The object's own corpus against its source: what has to be put into it. Pure."""

from __future__ import annotations

from scriptmodel_operator.api.marks import Mark, Owner, Ownership
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.desired.pipelines import corpus_branch
from scriptmodel_operator.ingest.source import Source
from scriptmodel_operator.observe.view import ModelView
from scriptmodel_operator.pachyderm.values import RepoRef
from scriptmodel_operator.reconcile.actions import CreateRepo, ReplaceFiles
from scriptmodel_operator.reconcile.state import Problem

_MINE = (Ownership.OURS, Ownership.SUCCESSOR)
Ingest = tuple[CreateRepo | ReplaceFiles, ...]


def ingest(model: ScriptModel, owner: Owner, source: Source, view: ModelView) -> Ingest | Problem:
    """Nothing while the newest commit has exactly the source's files: equal data is never committed again."""
    branch = corpus_branch(model)
    if not source.size_bytes:
        return Problem(Reason.CORPUS_EMPTY, "the source of the corpus has no bytes: put scripts into it")
    owned = view.owned_corpus
    if owned is None:
        return (CreateRepo(branch.repo, Mark(owner).to_json()),)
    if owned.ownership not in _MINE:
        return Problem(
            Reason.NAME_CONFLICT, f"repo {owned.ref} of the corpus was not made for this object: delete or rename it"
        )
    if owned.digests is None or dict(owned.digests) == source.digests:
        return ()
    gone = tuple(sorted(set(owned.digests) - set(source.files)))
    return (ReplaceFiles(branch, source.files, gone),)


def unused(model: ScriptModel, view: ModelView) -> tuple[RepoRef, ...]:
    """Our own repo, once the source is another one and nothing reads ours any more."""
    owned = view.owned_corpus
    if owned is None or owned.readers or owned.ownership not in _MINE:
        return ()
    return () if owned.ref == corpus_branch(model).repo else (owned.ref,)
