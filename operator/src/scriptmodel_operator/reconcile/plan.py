"""Derives the next actions from a state. Pure. After they are carried out, the object is observed again."""

from __future__ import annotations

from typing import assert_never

from scriptmodel_operator.reconcile.actions import Action, ApplyPipelines, StopJob
from scriptmodel_operator.reconcile.state import (
    Applied,
    Applying,
    Blocked,
    Early,
    Ingesting,
    ModelState,
    Refused,
    Stopping,
    Suspended,
    Unread,
)


def plan(state: ModelState | Early) -> tuple[Action, ...]:
    """Return the actions to carry out now."""
    match state:
        case Stopping(stop):
            return stop
        case Refused() | Unread() | Suspended():
            return ()
        case Blocked(stop_jobs=stop_jobs):
            return stop_jobs
        case Ingesting(actions=actions, stop_jobs=stop_jobs):
            return (*stop_jobs, *actions)
        case Applying(difference=difference):
            changes = difference.now
            return (ApplyPipelines(tuple(each.apply for each in changes), tuple(each.why for each in changes)),)
        case Applied(upkeep=upkeep):
            return upkeep
        case _:
            assert_never(state)


def stops_jobs(state: ModelState | Early) -> bool:
    """Return whether the plan stops a job, which takes a freshly measured clock."""
    return any(isinstance(action, StopJob) for action in plan(state))
