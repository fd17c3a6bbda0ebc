"""Derives the conditions from a state; no other module decides what Ready says. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_never

from scriptmodel_operator.act.actions import ChangeKind
from scriptmodel_operator.api.conditions import (
    Condition,
    ConditionStatus,
    ConditionType,
    Problem,
    conditions_of,
    render_conditions,
)
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.reconcile.difference import Difference
from scriptmodel_operator.reconcile.state import Applied, Applying, Blocked, Ingesting, ModelState, Suspended

STOPPING = Problem(Reason.SUSPENDED, "steps are being stopped because spec.suspend is true", stalled=False)
_STAGES = (ConditionType.CORPUS_READY, ConditionType.TRAINED, ConditionType.GENERATED)


def summary(state: ModelState) -> dict[ConditionType, Condition]:
    """Return what Ready, Reconciling and Stalled say in each state."""
    match state:
        case Blocked(problem=problem):
            return _of_problem(problem)
        case Suspended():
            text = "steps are stopped because spec.suspend is true"
            return _summary(False, Reason.SUSPENDED, text, reconciling=False)
        case Ingesting(message=message):
            return _summary(False, Reason.INGESTING, message)
        case Applying(difference=difference):
            creating = all(change.kind is ChangeKind.CREATE for change in difference.now)
            what = ", ".join(f"{change.ref} ({change.why})" for change in difference.now)
            return _summary(False, Reason.CREATING if creating else Reason.UPDATING, f"writing steps {what}")
        case Applied(stages=stages):
            return _unfinished(stage, state.difference) if (stage := stages.first_unfinished) else _settled(state)
        case _:
            assert_never(state)


def _of_problem(problem: Problem) -> dict[ConditionType, Condition]:
    return _summary(False, problem.reason, problem.message, stalled=problem.stalled)


def _unfinished(stage: Condition, difference: Difference) -> dict[ConditionType, Condition]:
    names = ", ".join(str(change.ref) for change in difference.deferred)
    deferred = f"; an update of {names} waits for the job's end" if names else ""
    return _summary(
        False,
        stage.reason,
        stage.message + deferred,
        stalled=stage.stalled,
        reconciling_reason=Reason.UPDATE_DEFERRED if names else None,
    )


def _settled(state: Applied) -> dict[ConditionType, Condition]:
    reason, message = Reason.GENERATED, state.stages.generated.message
    if state.chosen.held_back:
        reason, message = Reason.HELD_BACK, state.chosen.held_back
    if state.source.unchecked:
        message += f"; whether there is a newer corpus is not known: {state.source.unchecked}"
    return _summary(True, reason, message)


def _summary(
    ready: bool,
    reason: Reason,
    message: str,
    *,
    stalled: bool = False,
    reconciling: bool = True,
    reconciling_reason: Reason | None = None,
) -> dict[ConditionType, Condition]:
    """Return Ready, Reconciling and Stalled, of which at most one is True."""
    busy = reconciling and not ready and not stalled
    quiet = Reason.SUCCEEDED if ready else reason
    true, false = ConditionStatus.TRUE, ConditionStatus.FALSE
    not_stalled = Condition(Reason.PROGRESSING if busy else quiet)
    return {
        ConditionType.READY: Condition(reason, message, true if ready else false),
        ConditionType.RECONCILING: (
            Condition(reconciling_reason or reason, message, true) if busy else Condition(quiet)
        ),
        ConditionType.STALLED: Condition(reason, message, true) if stalled else not_stalled,
    }


def conditions_of_state(
    state: ModelState, previous: Mapping[str, Any], generation: int, now: datetime
) -> list[dict[str, Any]]:
    stages = (state.stages.corpus, state.stages.trained, state.stages.generated)
    conditions = summary(state) | dict(zip(_STAGES, stages, strict=True))
    return render_conditions(conditions, previous, generation, now)


def conditions_of_problem(
    problem: Problem, previous: Mapping[str, Any], generation: int, now: datetime, corpus: Condition | None
) -> list[dict[str, Any]]:
    """Return the conditions where nothing else could be observed: the stages stay as they were observed last."""
    known = conditions_of(previous)
    unseen = Condition(Reason.PENDING, "not observed yet", ConditionStatus.UNKNOWN)
    seen = _of_problem(problem) | {kind: unseen for kind in _STAGES if kind.value not in known}
    if corpus is not None:
        seen[ConditionType.CORPUS_READY] = corpus
    rendered = {item["type"]: item for item in render_conditions(seen, previous, generation, now)}
    return [rendered.get(kind.value) or dict(known[kind.value]) for kind in ConditionType]
