"""Puts a whole status together. Pure: the same state and view give the same status, but for what runs right now."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.status import ScriptModelStatus, to_wire
from scriptmodel_operator.observe.view import ModelView
from scriptmodel_operator.reconcile import details
from scriptmodel_operator.reconcile.download_record import source_status
from scriptmodel_operator.reconcile.state import Elapsed, ModelState, Problem, Stage, Suspended
from scriptmodel_operator.reconcile.summarise import conditions_of_problem, conditions_of_state


def status_of(
    model: ScriptModel,
    state: ModelState,
    view: ModelView,
    now: datetime,
    elapsed: Elapsed,
    *,
    downloading: bool = False,
) -> dict[str, Any]:
    """Everything that is known. While it is `downloading`, reconcile-at is not answered: it has asked for that, too."""
    answered = model.previous.handled_reconcile_at if downloading else model.reconcile_at
    mark = view.train.mark if view.train else None
    told = ScriptModelStatus(
        observed_generation=model.generation,
        last_handled_reconcile_at=answered or None,
        last_handled_retrain_at=(mark.retrain_at if mark else "") or None,
        suspended=isinstance(state, Suspended) or (model.previous.suspended and bool(view.stopped)) or None,
        training=details.training_status(model, view, now, elapsed),
        script=details.script_status(view),
        lineage=details.lineage(model, view),
        source=source_status(model, state.source.origin),
        pipelines=details.pipeline_statuses(view),
        history=details.history(model, view, elapsed),
    )
    wire = to_wire(told)
    wire["conditions"] = conditions_of_state(state, model.status, model.generation, now)
    return wire


def status_of_problem(
    model: ScriptModel, problem: Problem, now: datetime, corpus: Stage | None = None
) -> dict[str, Any]:
    """Where nothing, or `corpus` only, could be observed: what was told before stays, and the problem is told."""
    wire = dict(model.status)
    wire["observedGeneration"] = model.generation
    if model.reconcile_at:
        wire["lastHandledReconcileAt"] = model.reconcile_at
    wire["conditions"] = conditions_of_problem(problem, model.status, model.generation, now, corpus)
    return wire
