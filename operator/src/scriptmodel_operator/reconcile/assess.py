"""Derives the state of an object from its spec, its view and its source. Pure: no I/O, no clock of its own."""

from dataclasses import dataclass, replace

from scriptmodel_operator.act.actions import Action, apply_pipelines, conflict, start_pipeline, stop_pipeline
from scriptmodel_operator.api.conditions import Condition, ConditionStatus, Problem
from scriptmodel_operator.api.identity import engine_name
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.desired.pipelines import Desired
from scriptmodel_operator.ingest.source import Sourced
from scriptmodel_operator.observe.view import CorpusView, ModelView
from scriptmodel_operator.reconcile.chosen import choose
from scriptmodel_operator.reconcile.deadlines import jobs_to_stop
from scriptmodel_operator.reconcile.difference import Difference, difference
from scriptmodel_operator.reconcile.repos import base_to_copy, own_corpus, unused_repos
from scriptmodel_operator.reconcile.search import SearchProgress, runs_to_put, search_progress
from scriptmodel_operator.reconcile.stages import generation_stage, still_open, training_stage
from scriptmodel_operator.reconcile.state import NOT_STARTED, CorpusSource, Stages, State

STOPPING = Problem(Reason.SUSPENDED, "steps are being stopped because spec.suspend is true", stalled=False)
_SUSPENDED = Condition(Reason.SUSPENDED, "steps are stopped because spec.suspend is true")
_MISSING = {
    Reason.PROJECT_NOT_FOUND: "project {repo.project!r} of the corpus does not exist, or as a namespace has no corpus: "
    "create it with `{push}`, or correct spec.corpus.repo.project",
    Reason.CORPUS_NOT_FOUND: "corpus repo {repo} does not exist: create it with `{push}`, or correct spec.corpus.repo",
    Reason.CORPUS_BRANCH_NOT_FOUND: "corpus repo {repo} has no branch {branch.name!r}: {put}, or correct "
    "spec.corpus.repo.branch",
}
"""What to say of a corpus that does not exist."""


@dataclass(frozen=True, slots=True)
class Given:
    """What decides the state of an object besides its engine."""

    model: ScriptModel
    source: Sourced = None
    continued: str | Problem = ""
    """The text that the script continues, empty without one, or what prevents reading it."""

    @property
    def text(self) -> str:
        """The text that the script continues; empty if it cannot be read either."""
        return self.continued if isinstance(self.continued, str) else ""


def stop(model: ScriptModel, view: ModelView) -> State | None:
    """Return that pipelines are to be stopped first, whatever else is refused or unreadable; None if none is."""
    # Each before the one that it reads from.
    running = [seen.info.ref for seen in reversed(view.own) if not seen.info.stopped] if model.spec.suspend else []
    return State(ready=STOPPING, actions=tuple(map(stop_pipeline, running))) if running else None


def refuse(model: ScriptModel, view: ModelView | None, refused: str) -> State:
    """Return that the operator's configuration does not allow the spec or what it reads, and why."""
    missing = f". {_missing_project(model, view)}" if view is not None and not view.has_project else ""
    return State(ready=Problem(Reason.NOT_ALLOWED, refused + missing))


def assess(given: Given, view: ModelView, desired: Desired) -> State:
    """Return the first state that applies once everything is observed."""
    running, chosen = search_progress(given.model, view), choose(given.model, view)
    return replace(_state(given, view, desired, running), view=view, chosen=chosen, runs=running)


def _state(given: Given, view: ModelView, desired: Desired, running: SearchProgress | None) -> State:  # noqa: PLR0911 - a ladder
    model, owner = given.model, desired.train.mark.owner
    stages, source = _stages(given, view, running), CorpusSource(model.previous.download)
    if model.spec.suspend:
        return State(ready=_SUSPENDED, stages=stages, source=source)
    stops = jobs_to_stop(model, view)
    if problem := _blocker(model, view):
        return State(ready=problem, actions=stops, stages=stages, source=source)
    source = own_corpus(model, owner, given.source, view)
    if source.blocks:
        stages = replace(stages, corpus=source.blocks)
        return State(ready=source.blocks, actions=(*stops, *source.actions), stages=stages, source=source)
    base = base_to_copy(model, owner, view)
    if isinstance(base, Problem):
        return State(ready=base, actions=stops, stages=stages, source=source)
    if base:
        copying = Condition(Reason.INGESTING, "the base model is being copied")
        return State(ready=copying, actions=(*stops, base), stages=stages, source=source)
    if isinstance(given.continued, Problem):
        stages = replace(stages, generated=given.continued)
        return State(ready=given.continued, actions=stops, stages=stages, source=source)
    return _applied(given, view, desired, running, stages, source, stops)


def _applied(
    given: Given,
    view: ModelView,
    desired: Desired,
    running: SearchProgress | None,
    stages: Stages,
    source: CorpusSource,
    stops: tuple[Action, ...],
) -> State:
    """Return the state once all that pipelines read exists, or all but a corpus of somebody else."""
    model, found = given.model, stages.corpus
    differs = difference(model, desired, view)
    if (differs.now or view.train is None) and view.corpus is not None and not found.done:
        problem = Problem(found.reason, found.message, stalled=found.stalled)
        return State(ready=problem, actions=stops, stages=stages, source=source)
    stages = _stages(given, view, running, creating=True) if differs.now else stages
    if source.unchecked and stages.corpus.done:
        unchecked = replace(stages.corpus, reason=Reason.CHECK_FAILED, message=source.unchecked)
        stages = replace(stages, corpus=unchecked)
    runs = runs_to_put(model, desired.train.mark.owner, view)
    if isinstance(runs, Problem):
        return State(ready=runs, actions=stops, stages=stages, source=source)
    if differs.now:
        # A job that the runs start is replaced at once by that of the pipelines.
        actions = (*runs, apply_pipelines(differs.now))
        return State(ready=differs.applying, actions=actions, stages=stages, source=source, difference=differs)
    if runs and not view.stopped:
        starting = Condition(Reason.INGESTING, "the search is being started")
        return State(ready=starting, actions=(*stops, *runs), stages=stages, source=source)
    starts = tuple(start_pipeline(seen.info.ref) for seen in view.stopped)
    ready = _unfinished(stage, differs) if (stage := stages.first_unfinished) else _settled(given, view, stages, source)
    actions = starts or (*stops, *unused_repos(view))
    return State(ready=ready, actions=actions, stages=stages, source=source, difference=differs, applied=True)


def _unfinished(stage: Condition, differs: Difference) -> Condition:
    names = ", ".join(str(change.ref) for change in differs.deferred)
    deferred = f"; an update of {names} waits for the job's end" if names else ""
    return Condition(stage.reason, stage.message + deferred, stalled=stage.stalled)


def _settled(given: Given, view: ModelView, stages: Stages, source: CorpusSource) -> Condition:
    held_back = choose(given.model, view).held_back
    message = held_back or stages.generated.message
    if source.unchecked:
        message += f"; whether there is a newer corpus is not known: {source.unchecked}"
    return Condition(Reason.HELD_BACK if held_back else Reason.GENERATED, message, ConditionStatus.TRUE)


def _blocker(model: ScriptModel, view: ModelView) -> Problem | None:
    """Return the first problem that somebody has to solve before pipelines can be written."""
    if not view.has_project:
        return Problem(Reason.PROJECT_NOT_FOUND, _missing_project(model, view))
    for seen in view.pipelines:
        if not model.may_write(seen.ownership):
            return conflict(model, f"step {seen.info.ref}", seen.ownership, seen.mark)
    if not view.retained:
        return None
    names = ", ".join(str(repo.ref) for repo in view.retained)
    commands = "; ".join(repo.delete_command for repo in view.retained)
    return Problem(
        Reason.RETAINED_REPOS,
        f"output repos kept by an earlier deletion block the pipelines' names ({names}): "
        f"save what you need from them, then run `{commands}`",
    )


def _missing_project(model: ScriptModel, view: ModelView) -> str:
    project = model.spec.pachyderm.project
    return (
        f"{engine_name(view.engine)} has no project {project!r}: create it with `pachctl create project {project}`, "
        f"or with a repo in it: `scriptmodel push DIR --repo REPO --project {project} --create -n {model.namespace}`"
    )


def _stages(given: Given, view: ModelView, running: SearchProgress | None, *, creating: bool = False) -> Stages:
    """Return the observed stages. A pipeline that does not exist is being created only if nothing prevents that."""
    previous = given.model.previous
    base = given.model.spec.model.base if view.refs.base is None else ""
    message = running.message if running else f"the train job runs, from the base {base}" if base else ""
    train, generate = (
        seen is not None and given.model.may_write(seen.ownership) for seen in (view.train, view.generate)
    )
    trained = training_stage(view, previous, message) if train or creating else NOT_STARTED
    generated = generation_stage(view, trained, previous) if generate or creating else NOT_STARTED
    return Stages(_corpus(view, given.model.namespace), trained, generated)


def _corpus(view: ModelView, namespace: str) -> Condition:
    if view.corpus is not None:
        return _unread_corpus(view.corpus, namespace)
    commits = view.reported
    if commits is None or commits.corpus is None:
        return Condition(Reason.PROGRESSING, "the train step has not read the corpus yet", ConditionStatus.UNKNOWN)
    if view.train is not None and commits.corpus_open:
        return Condition(Reason.WAITING_FOR_CORPUS_COMMIT, still_open(view.train, commits))
    if commits.corpus_info is not None and commits.corpus_info.error:
        return _unread_corpus(CorpusView(view.refs.corpus, head=commits.corpus_info), namespace)
    message = f"training reads the newest commit of the corpus (commit {short_id(commits.corpus)})"
    return Condition(Reason.CORPUS_FOUND, message, ConditionStatus.TRUE)


def _unread_corpus(corpus: CorpusView, namespace: str) -> Condition:
    """Return the stage of a corpus that the train pipeline has yet to read."""
    branch, head = corpus.branch, corpus.head
    push = branch.push_command(namespace)
    put = f"put scripts into it with `{push}`"
    if corpus.missing is not None:
        text = _MISSING[corpus.missing].format(repo=branch.repo, branch=branch, push=push, put=put)
        return Problem(corpus.missing, text)
    if head is None or (head.finished and not head.size_bytes and not head.error):
        return Problem(Reason.CORPUS_EMPTY, f"corpus {branch} is empty: {put}")
    commit = f"(commit {short_id(head.id)})"
    if head.finishing:
        return Condition(Reason.WAITING_FOR_CORPUS_COMMIT, f"a commit of {branch} is being finished {commit}")
    if head.open:
        text = f"a commit of {branch} is still open: `{branch.finish_command}`, unless a pipeline is writing it"
        return Condition(Reason.WAITING_FOR_CORPUS_COMMIT, f"{text} {commit}")
    if head.error:
        return Problem(Reason.CORPUS_FAILED, f"a commit of {branch} failed: {head.error}; {put} {commit}")
    return Condition(Reason.CORPUS_FOUND, f"{branch} has {head.size_bytes} bytes", ConditionStatus.TRUE)


def corpus_after_failure(state: State, problem: Problem) -> Condition | None:
    """Return the stage of the corpus after an action of `state` met a problem, which may be about the corpus itself."""
    if state.stages is None:
        return None
    return problem if state.source.actions else state.stages.corpus
