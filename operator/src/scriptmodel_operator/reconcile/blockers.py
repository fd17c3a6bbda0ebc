"""Finds what has to be put right before any pipeline is written. Pure; every message says what to do."""

from scriptmodel_operator.act.ownership import conflict
from scriptmodel_operator.api.conditions import Condition, ConditionStatus, Problem
from scriptmodel_operator.api.identity import engine_name
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.observe.view import CorpusView, ModelView

_MISSING = {
    Reason.PROJECT_NOT_FOUND: "project {repo.project!r} of the corpus does not exist, or as a namespace has no corpus: "
    "create it with `{push}`, or correct spec.corpus.repo.project",
    Reason.CORPUS_NOT_FOUND: "corpus repo {repo} does not exist: create it with `{push}`, or correct spec.corpus.repo",
    Reason.CORPUS_BRANCH_NOT_FOUND: "corpus repo {repo} has no branch {branch.name!r}: {put}, or correct "
    "spec.corpus.repo.branch",
}
"""What to say of a corpus that does not exist."""


def find_blocker(model: ScriptModel, view: ModelView) -> Problem | None:
    """Return the first problem that somebody has to solve before pipelines can be written."""
    if not view.engine.has_project:
        return Problem(Reason.PROJECT_NOT_FOUND, missing_project(model, view))
    for seen in view.pipelines:
        if not model.may_write(seen.ownership):
            return conflict(model, f"step {seen.info.ref}", seen.ownership, seen.mark)
    if view.owned.retained:
        names = ", ".join(str(repo.ref) for repo in view.owned.retained)
        commands = "; ".join(repo.delete_command for repo in view.owned.retained)
        return Problem(
            Reason.RETAINED_REPOS,
            f"output repos kept by an earlier deletion block the pipelines' names ({names}): "
            f"save what you need from them, then run `{commands}`",
        )
    return None


def missing_project(model: ScriptModel, view: ModelView) -> str:
    project = model.spec.pachyderm.project
    where = engine_name(view.engine.id)
    return (
        f"{where} has no project {project!r}: create it with `pachctl create project {project}`, or with a repo in it: "
        f"`scriptmodel push DIR --repo REPO --project {project} --create -n {model.namespace}`"
    )


def corpus_stage(corpus: CorpusView, namespace: str) -> Condition:
    """Return the stage of a corpus that the train pipeline has yet to read."""
    branch, repo, head = corpus.branch, corpus.branch.repo, corpus.head
    push = branch.push_command(namespace)
    put = f"put scripts into it with `{push}`"
    if corpus.missing is not None:
        return Problem(corpus.missing, _MISSING[corpus.missing].format(repo=repo, branch=branch, push=push, put=put))
    if corpus.upstream is not None:
        put = f"check pipeline {corpus.upstream}, which writes it"
    if head is not None and head.finishing:
        return Condition(
            Reason.WAITING_FOR_CORPUS_COMMIT, f"a commit of {branch} is being finished (commit {short_id(head.id)})"
        )
    if head is not None and head.open:
        until = (
            f"pipeline {corpus.upstream} is writing it"
            if corpus.upstream
            else f"finish it with `{branch.finish_command}`"
        )
        return Condition(
            Reason.WAITING_FOR_CORPUS_COMMIT,
            f"a commit of {branch} is still open: {until} (commit {short_id(head.id)})",
        )
    if head is None or (not head.size_bytes and not head.error):
        return Problem(Reason.CORPUS_EMPTY, f"corpus {branch} is empty: {put}")
    if head.error:
        return Problem(
            Reason.CORPUS_FAILED, f"a commit of {branch} failed: {head.error}; {put} (commit {short_id(head.id)})"
        )
    return Condition(Reason.CORPUS_FOUND, f"{branch} has {head.size_bytes} bytes", ConditionStatus.TRUE)
