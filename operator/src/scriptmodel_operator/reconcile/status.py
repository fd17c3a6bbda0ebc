"""Builds the whole status. Pure: the same state, view and time give the same status."""

from datetime import datetime
from typing import Any

from scriptmodel_operator.api.conditions import Condition, Problem
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.status import ScriptModelStatus, SourceStatus, UrlError, to_wire
from scriptmodel_operator.observe.view import ModelView
from scriptmodel_operator.reconcile import details
from scriptmodel_operator.reconcile.state import CorpusSource, ModelState, Suspended
from scriptmodel_operator.reconcile.summarise import conditions_of_problem, conditions_of_state


def status_of(
    model: ScriptModel,
    state: ModelState,
    view: ModelView,
    now: datetime,
    *,
    downloading: bool = False,
) -> dict[str, Any]:
    """Return the status of an observed object.

    While a download is running, reconcile-at is not yet handled, since it requests the download too."""
    handled = model.previous.last_handled_reconcile_at if downloading else model.reconcile_at
    mark, script = view.train.mark if view.train else None, state.chosen.script
    training = details.training_status(model, view, state.runs_progress)
    status = ScriptModelStatus(
        observed_generation=model.generation,
        last_handled_reconcile_at=handled or None,
        last_handled_retrain_at=(mark.retrain_at if mark else "") or None,
        suspended=isinstance(state, Suspended) or (model.previous.suspended and bool(view.stopped)) or None,
        perplexity=details.perplexity(view, training, script),
        training=training,
        generation=details.generation_status(view, model.previous.generation),
        script=script.script.status if script and script.script else None,
        lineage=details.lineage(model, view, state.chosen),
        search=state.runs_progress.status if state.runs_progress else None,
        source=_source(model, state.source),
        pipelines=details.pipeline_statuses(view),
    )
    wire = to_wire(status)
    wire["conditions"] = conditions_of_state(state, model.status, model.generation, now)
    return wire


def _source(model: ScriptModel, known: CorpusSource) -> SourceStatus | None:
    """Return what is known of a corpus that is fetched; None while the corpus has another source."""
    if model.spec.corpus.download is None:
        return None
    errors = [UrlError(url=url, message=message) for url, message in known.errors.items()]
    return (known.record or SourceStatus()).model_copy(update={"errors": errors})


def status_of_problem(
    model: ScriptModel, problem: Problem, now: datetime, corpus: Condition | None = None, *, suspended: bool = False
) -> dict[str, Any]:
    """Return the previous status with `problem` in its conditions; only `corpus` was observed, or nothing.

    `suspended` says that the pipelines were stopped all the same.
    """
    wire = dict(model.status)
    wire["observedGeneration"] = model.generation
    if model.reconcile_at and (
        problem.stalled or model.spec.corpus.download is None
    ):  # else it requests a download, too
        wire["lastHandledReconcileAt"] = model.reconcile_at
    if suspended:
        wire["suspended"] = True
    wire["conditions"] = conditions_of_problem(problem, model.status, model.generation, now, corpus)
    return wire
