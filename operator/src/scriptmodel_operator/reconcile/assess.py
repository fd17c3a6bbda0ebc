"""Derives the state of an object from its spec, its view and its source. Pure: no I/O, no clock of its own."""

from dataclasses import dataclass, replace
from functools import partial

from scriptmodel_operator.act.actions import Action, ApplyPipelines, StartPipeline, StopPipeline
from scriptmodel_operator.api.conditions import Condition, ConditionStatus, Problem
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.desired.pipelines import Desired
from scriptmodel_operator.ingest.source import Sourced
from scriptmodel_operator.observe.view import CorpusView, ModelView
from scriptmodel_operator.reconcile.base import COPYING, base_to_copy
from scriptmodel_operator.reconcile.blockers import corpus_stage, find_blocker, missing_project
from scriptmodel_operator.reconcile.chosen import choose
from scriptmodel_operator.reconcile.corpus import own_corpus, unused_repos
from scriptmodel_operator.reconcile.deadlines import jobs_to_stop
from scriptmodel_operator.reconcile.difference import difference
from scriptmodel_operator.reconcile.search import STARTING, SearchProgress, runs_to_put, search_progress
from scriptmodel_operator.reconcile.stages import generation_stage, still_open, training_stage
from scriptmodel_operator.reconcile.state import (
    NOT_STARTED,
    Applied,
    Applying,
    Blocked,
    CorpusSource,
    Ingesting,
    ModelState,
    Planned,
    Refused,
    Stages,
    Stopping,
    Suspended,
)


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


@dataclass(frozen=True, slots=True)
class Observed:
    """All that decides the state of an object that is not being deleted."""

    given: Given
    view: ModelView
    desired: Desired


def stop(model: ScriptModel, view: ModelView) -> Stopping | None:
    """Return that pipelines are to be stopped first, whatever else is refused or unreadable; None if none is."""
    # Each before the one that it reads from.
    running = [seen.info.ref for seen in reversed(view.own) if not seen.info.stopped] if model.spec.suspend else []
    return Stopping(tuple(map(StopPipeline, running))) if running else None


def refuse(model: ScriptModel, view: ModelView | None, refused: str) -> Refused:
    """Return that the operator's configuration does not allow the spec or what it reads, and why."""
    missing = f". {missing_project(model, view)}" if view is not None and not view.engine.has_project else ""
    return Refused(Problem(Reason.NOT_ALLOWED, refused + missing))


def assess(observed: Observed) -> Planned:
    """Return the first state that applies once everything is observed, in the order of `_state`."""
    view = observed.view
    given = observed.given
    running, chosen = search_progress(given.model, view), choose(given.model, view)
    return Planned(view, replace(_state(observed, running), chosen=chosen, runs_progress=running))


def _state(observed: Observed, running: SearchProgress | None) -> ModelState:  # noqa: C901, PLR0911 - a ladder, with a state on each rung
    given, view, desired = observed.given, observed.view, observed.desired
    model = given.model
    stages, owner, recorded = (
        _stages(given, view, running),
        desired.train.mark.owner,
        CorpusSource(model.previous.download),
    )
    if model.spec.suspend:
        return Suspended(stages=stages, source=recorded)
    problem, stops = find_blocker(model, view), jobs_to_stop(model, view)
    blocked = partial(Blocked, actions=stops)
    if problem is not None:
        return blocked(stages=stages, source=recorded, problem=problem)
    source = own_corpus(model, owner, given.source, view)
    if source.problem is not None:
        stages = replace(stages, corpus=source.problem)
        return blocked(stages=stages, source=source, problem=source.problem)
    if source.waits_for:
        stages = replace(stages, corpus=Condition(Reason.INGESTING, source.waits_for))
        actions = (*stops, *source.actions)
        return Ingesting(stages=stages, source=source, message=source.waits_for, actions=actions)
    base = base_to_copy(model, owner, view)
    if isinstance(base, Problem):
        return blocked(stages=stages, source=source, problem=base)
    if base:
        return Ingesting(stages=stages, source=source, message=COPYING, actions=(*stops, *base))
    if isinstance(given.continued, Problem):
        stages = replace(stages, generated=given.continued)
        return blocked(stages=stages, source=source, problem=given.continued)
    differs, found = difference(model, desired, view), stages.corpus
    if (differs.now or view.train is None) and view.corpus is not None and not found.done:
        problem = Problem(found.reason, found.message, stalled=found.stalled)
        return blocked(stages=stages, source=source, problem=problem)
    stages = _with_unchecked(_stages(given, view, running, creating=True) if differs.now else stages, source.unchecked)
    runs = runs_to_put(model, owner, view)
    if isinstance(runs, Problem):
        return blocked(stages=stages, source=source, problem=runs)
    if differs.now:
        # A job that the runs start is replaced at once by that of the pipelines.
        actions = (*runs, ApplyPipelines(differs.now))
        return Applying(stages=stages, source=source, difference=differs, actions=actions)
    if runs and not view.stopped:
        return Ingesting(stages=stages, source=source, message=STARTING, actions=(*stops, *runs))
    upkeep = _starts(model, view) or (*stops, *unused_repos(view))
    return Applied(stages=stages, source=source, difference=differs, actions=upkeep)


def _with_unchecked(stages: Stages, unchecked: str) -> Stages:
    """Return the stages, with the error that keeps the source of the corpus from being checked."""
    if not unchecked or not stages.corpus.done:
        return stages
    return replace(stages, corpus=replace(stages.corpus, reason=Reason.CHECK_FAILED, message=unchecked))


def _starts(model: ScriptModel, view: ModelView) -> tuple[Action, ...]:
    if model.previous.suspended:
        return tuple(StartPipeline(seen.info.ref) for seen in view.stopped)
    return tuple(StartPipeline(seen.info.ref, seen.jobs[0].ref.id if seen.jobs else "none") for seen in view.stopped)


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
        return corpus_stage(view.corpus, namespace)
    commits = view.models.reported
    if commits is None or commits.corpus is None:
        return Condition(Reason.PROGRESSING, "the train step has not read the corpus yet", ConditionStatus.UNKNOWN)
    if view.train is not None and commits.corpus_open:
        return Condition(Reason.WAITING_FOR_CORPUS_COMMIT, still_open(view.train, commits))
    if commits.corpus_info is not None and commits.corpus_info.error:
        failed = CorpusView(view.refs.corpus, head=commits.corpus_info, upstream=commits.corpus_upstream)
        return corpus_stage(failed, namespace)
    message = f"training reads the newest commit of the corpus (commit {short_id(commits.corpus)})"
    return Condition(Reason.CORPUS_FOUND, message, ConditionStatus.TRUE)


def corpus_after_failure(state: ModelState | None, problem: Problem) -> Condition | None:
    """Return the stage of the corpus after an action of `state` met a problem, which may be about the corpus itself."""
    if state is None:
        return None
    return problem if state.source.actions else state.stages.corpus
