"""From a state to the status: the only place that decides what Ready says. Pure."""

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
    """What Ready, Reconciling and Stalled say together."""

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
    if state.difference.tolerated:
        reason = Reason.DRIFTED
        names = ", ".join(str(change.ref) for change in state.difference.tolerated)
        message += f"; {names} was changed by somebody else, and driftPolicy Warn leaves it so"
    if state.unchecked:
        message += f"; whether there is a newer corpus is not known: {state.unchecked}"
    return Summary(True, reason, message, reconciling=False)


def summary_conditions(told: Summary) -> tuple[Condition, Condition, Condition]:
    """Ready, Reconciling and Stalled; never the last two at once, and neither beside Ready."""
    ready = ConditionStatus.TRUE if told.ready else ConditionStatus.FALSE
    if told.stalled:
        reconciling, stalled = ConditionStatus.FALSE, ConditionStatus.TRUE
    elif told.reconciling and not told.ready:
        reconciling, stalled = ConditionStatus.TRUE, ConditionStatus.FALSE
    else:
        reconciling, stalled = ConditionStatus.FALSE, ConditionStatus.FALSE
    why = told.reconciling_reason or told.reason
    quiet = Reason.SUCCEEDED if told.ready else told.reason
    busy = reconciling is ConditionStatus.TRUE
    stuck = stalled is ConditionStatus.TRUE
    return (
        Condition(ConditionType.READY, ready, told.reason, told.message),
        Condition(ConditionType.RECONCILING, reconciling, why if busy else quiet, told.message if busy else ""),
        Condition(
            ConditionType.STALLED,
            stalled,
            told.reason if stuck else (Reason.PROGRESSING if busy else quiet),
            told.message if stuck else "",
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
    """All six, each as of `generation`."""
    conditions = (*summary_conditions(summary(state)), *stage_conditions(state))
    return render_conditions(conditions, previous.get("conditions", []), generation, now)


def conditions_of_problem(
    problem: Problem, previous: Mapping[str, Any], generation: int, now: datetime, corpus: Stage | None
) -> list[dict[str, Any]]:
    """Where nothing else could be observed: stages stay as last seen, with the generation they were seen for."""
    before = previous.get("conditions", [])
    known = {item.get("type"): item for item in before}
    unseen = Stage(ConditionStatus.UNKNOWN, Reason.PENDING, "not looked at yet")
    seen = {kind: unseen for kind in _STAGE_TYPES if kind.value not in known}
    if corpus is not None:
        seen[ConditionType.CORPUS_READY] = corpus
    told = (*summary_conditions(_of_problem(problem)), *(_condition(kind, stage) for kind, stage in seen.items()))
    rendered = {item["type"]: item for item in render_conditions(told, before, generation, now)}
    return [rendered.get(kind.value) or dict(known[kind.value]) for kind in ConditionType]


def one_line(message: str, limit: int = 300) -> str:
    """For events and columns."""
    return cut(" ".join(message.split()), limit)
