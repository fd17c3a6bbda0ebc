"""Derives the conditions from a state; no other module decides what Ready says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from scriptmodel_operator.api.conditions import (
    Condition,
    ConditionStatus,
    ConditionType,
    cut,
    render_conditions,
)
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.reconcile.difference import ChangeKind, Difference
from scriptmodel_operator.reconcile.state import (
    Applying,
    Blocked,
    Failed,
    Ingesting,
    ModelState,
    Problem,
    Running,
    Settled,
    Stage,
    Suspended,
)

_STAGE_TYPES = (ConditionType.CORPUS_READY, ConditionType.TRAINED, ConditionType.GENERATED)


@dataclass(frozen=True, slots=True)
class Summary:
    """The common content of Ready, Reconciling and Stalled."""

    ready: bool
    reason: Reason
    message: str
    stalled: bool = False
    reconciling: bool = True
    reconciling_reason: Reason | None = None


def summary(state: ModelState) -> Summary:
    """Return what Ready says in each state."""
    match state:
        case Blocked(problem=problem):
            return _of_problem(problem)
        case Suspended(stop=stop):
            text = "pipelines are stopped because spec.suspend is true"
            return Summary(False, Reason.SUSPENDED, text, reconciling=bool(stop))
        case Ingesting(message=message):
            return Summary(False, Reason.INGESTING, message)
        case Applying(difference=difference):
            return _applying(difference)
        case Running(unfinished=stage) | Failed(unfinished=stage):
            return _unfinished(stage, state.difference)
        case Settled():
            return _settled(state)
        case _:
            assert_never(state)


def _of_problem(problem: Problem) -> Summary:
    return Summary(False, problem.reason, problem.message, stalled=problem.stalled, reconciling=not problem.stalled)


def _applying(difference: Difference) -> Summary:
    creating = all(change.kind is ChangeKind.CREATE for change in difference.now)
    what = ", ".join(f"{change.ref} ({change.why})" for change in difference.now)
    return Summary(False, Reason.CREATING if creating else Reason.UPDATING, f"writing pipelines {what}")


def _unfinished(stage: Stage, difference: Difference) -> Summary:
    names = ", ".join(str(change.ref) for change in difference.deferred)
    deferred = f"; an update of {names} waits for the job's end" if names else ""
    return Summary(
        False,
        stage.reason,
        stage.message + deferred,
        stalled=stage.stalled,
        reconciling=not stage.stalled,
        reconciling_reason=Reason.UPDATE_DEFERRED if names else None,
    )


def _settled(state: Settled) -> Summary:
    reason, message = Reason.GENERATED, state.stages.generated.message
    if state.promotion.held_back:
        reason, message = Reason.HELD_BACK, state.promotion.held_back
    if state.difference.tolerated:
        reason = Reason.DRIFTED
        names = ", ".join(str(change.ref) for change in state.difference.tolerated)
        message += f"; {names} was changed by somebody else and is left unchanged because spec.driftPolicy is Warn"
    if state.unchecked:
        message += f"; whether there is a newer corpus is not known: {state.unchecked}"
    return Summary(True, reason, message, reconciling=False)


def summary_conditions(summary: Summary) -> tuple[Condition, Condition, Condition]:
    """Return Ready, Reconciling and Stalled, of which at most one is True."""
    ready = ConditionStatus.TRUE if summary.ready else ConditionStatus.FALSE
    if summary.stalled:
        reconciling, stalled = ConditionStatus.FALSE, ConditionStatus.TRUE
    elif summary.reconciling and not summary.ready:
        reconciling, stalled = ConditionStatus.TRUE, ConditionStatus.FALSE
    else:
        reconciling, stalled = ConditionStatus.FALSE, ConditionStatus.FALSE
    why = summary.reconciling_reason or summary.reason
    quiet = Reason.SUCCEEDED if summary.ready else summary.reason
    busy = reconciling is ConditionStatus.TRUE
    stuck = stalled is ConditionStatus.TRUE
    return (
        Condition(ConditionType.READY, ready, summary.reason, summary.message),
        Condition(ConditionType.RECONCILING, reconciling, why if busy else quiet, summary.message if busy else ""),
        Condition(
            ConditionType.STALLED,
            stalled,
            summary.reason if stuck else (Reason.PROGRESSING if busy else quiet),
            summary.message if stuck else "",
        ),
    )


def stage_conditions(state: ModelState) -> tuple[Condition, ...]:
    stages = (state.stages.corpus, state.stages.trained, state.stages.generated)
    return tuple(_condition(kind, stage) for kind, stage in zip(_STAGE_TYPES, stages, strict=True))


def _condition(kind: ConditionType, stage: Stage) -> Condition:
    return Condition(kind, stage.status, stage.reason, stage.message)


def conditions_of_state(
    state: ModelState, previous: Mapping[str, Any], generation: int, now: datetime
) -> list[dict[str, Any]]:
    """Return all six conditions as of `generation`."""
    conditions = (*summary_conditions(summary(state)), *stage_conditions(state))
    return render_conditions(conditions, previous.get("conditions", []), generation, now)


def conditions_of_problem(
    problem: Problem, previous: Mapping[str, Any], generation: int, now: datetime, corpus: Stage | None
) -> list[dict[str, Any]]:
    """Return the conditions where nothing else could be observed: the stages stay as they were observed last."""
    before = previous.get("conditions", [])
    known = {item.get("type"): item for item in before}
    unseen = Stage(ConditionStatus.UNKNOWN, Reason.PENDING, "not observed yet")
    seen = {kind: unseen for kind in _STAGE_TYPES if kind.value not in known}
    if corpus is not None:
        seen[ConditionType.CORPUS_READY] = corpus
    conditions = (*summary_conditions(_of_problem(problem)), *(_condition(kind, stage) for kind, stage in seen.items()))
    rendered = {item["type"]: item for item in render_conditions(conditions, before, generation, now)}
    return [rendered.get(kind.value) or dict(known[kind.value]) for kind in ConditionType]


def one_line(message: str, limit: int = 300) -> str:
    """Return the message in one line, for events and columns."""
    return cut(" ".join(message.split()), limit)
