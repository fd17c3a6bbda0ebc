"""Decides what the end of a training by its budget, or by early stopping, means. Pure."""

from __future__ import annotations

from scriptmodel_operator.desired.pod_patch import BUDGET, variables_of
from scriptmodel_operator.observe.view import ModelView
from scriptmodel_operator.pachyderm.values import PipelineSpec

BUDGET_RAISED = "the budget that ended training was raised"


def ended_by_budget(view: ModelView) -> str:
    """Return the end of a message about a model whose training its budget ended; else nothing."""
    ended = view.metrics is not None and view.metrics.stopped_by == "budget"
    return "; training was ended by spec.training.budget.duration" if ended else ""


def ended_early(view: ModelView) -> str:
    """Return the end of a message about a model whose training did not run all epochs; else nothing."""
    early = view.metrics is not None and view.metrics.stopped_by == "early-stopping"
    return "; training was ended by early stopping" if early else ended_by_budget(view)


def is_continued(view: ModelView, spec: PipelineSpec) -> bool:
    """Return whether `spec` raises the budget that ended the training of the newest model, or has none any more.

    The update then computes again: the trainer continues from the state that it kept, and starts anew without one.
    A job in progress ends first, under the budget that it started with. The runs of a search have ended for good.
    """
    train, metrics = view.train, view.metrics
    if train is None or metrics is None or metrics.stopped_by != "budget" or train.running is not None:
        return False
    newest = train.newest
    if newest is None or view.good_model is None or newest.ref.id != view.good_model.trained or view.search:
        return False
    before, after = (variables_of(patch).get(BUDGET, "") for patch in (train.info.spec.pod_patch, spec.pod_patch))
    return before.isdigit() and (not after or (after.isdigit() and int(after) > int(before)))
