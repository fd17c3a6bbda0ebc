"""Decides when an object is reconciled again although nothing notifies the operator of a change. Pure."""

from dataclasses import dataclass
from typing import assert_never

from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.observe.view import ModelView
from scriptmodel_operator.reconcile.deadlines import remaining_wait
from scriptmodel_operator.reconcile.state import Applied, Applying, Blocked, Ingesting, ModelState, Suspended


@dataclass(frozen=True, slots=True)
class Next:
    """When an object is reconciled again. A change of it or of its pipelines reconciles it in any case."""

    seconds: float | None = None
    """After this time."""
    snapshot: float | None = None
    """Once there is a snapshot that was started at or after this time (monotonic seconds)."""


ON_CHANGE = Next()
"""Only a change requires it."""


def requeue_after(
    state: ModelState,
    model: ScriptModel,
    view: ModelView,
    *,
    poll_interval: float,
    source_due: float | None,
) -> float | None:
    """Return seconds, or None when only a change of the object or of a snapshot matters.

    `source_due` is the time until the source of the corpus is checked again, None where it never is.
    """
    match state:
        case Suspended():
            return None
        case Blocked():
            return poll_interval
        case Applied(stages=stages) if (stage := stages.first_unfinished) is None or stage.stalled:
            if not any(seen.running for seen in view.pipelines):
                return source_due
        case Ingesting() | Applying() | Applied():
            pass
        case _:
            assert_never(state)
    wait = remaining_wait(model, view)
    if wait is None:
        return poll_interval
    return max(poll_interval, min(wait.total_seconds(), source_due or wait.total_seconds()))
