"""From a state to the actions that come next. Pure. After they are done, everything is looked at again."""

from __future__ import annotations

from scriptmodel_operator.reconcile.actions import (
    Action,
    ApplyPipelines,
    DeletePipeline,
    DeleteRepo,
    StopJob,
    StopPipeline,
)
from scriptmodel_operator.reconcile.deletion import DeletionState
from scriptmodel_operator.reconcile.state import ModelState


def plan(state: ModelState) -> tuple[Action, ...]:
    """While there is a problem, jobs only; pipelines before jobs, because writing a pipeline replaces its jobs."""
    stops = tuple(StopJob(ref, why) for ref, why in state.stop_jobs)
    if state.problem is not None:
        return stops
    if state.stop:
        return tuple(StopPipeline(ref) for ref in state.stop)
    if state.intake.actions:
        return state.intake.actions
    if state.changes:
        why = tuple(change.why for change in state.changes)
        return (ApplyPipelines(tuple(change.apply for change in state.changes), why),)
    if state.start:
        return state.start
    return (*stops, *(DeleteRepo(ref) for ref in state.drop_repos))


def plan_deletion(state: DeletionState) -> tuple[Action, ...]:
    """Readers before what they read. Empty when nothing is left, or when something else reads the output."""
    if state.blocked is not None:
        return ()
    pipelines = tuple(DeletePipeline(ref, state.keep_repos) for ref in state.pipelines)
    return (*pipelines, *(DeleteRepo(ref) for ref in state.repos))
