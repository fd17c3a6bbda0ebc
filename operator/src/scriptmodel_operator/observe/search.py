"""Observes a search: its runs, the results of the newest job for the current spec and corpus, and the plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scriptmodel_operator.api.conditions import Condition, Problem
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.desired.pipelines import retraining, train_compute
from scriptmodel_operator.observe.lineage import Lineages, mark_of_job
from scriptmodel_operator.observe.outcomes import inputs, outcomes
from scriptmodel_operator.observe.view import ModelView, RunsView
from scriptmodel_operator.search.trials import Plan, RunInput, RunResult, plan


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchView(RunsView):
    """A search: the runs in its repo, their results, and the plan that follows from both."""

    plan: Plan
    results: Mapping[str, RunResult]
    """The results of the newest job for the current spec and corpus, by the folder of the run."""
    present: Mapping[str, RunInput] = field(default_factory=dict)
    """The runs in the newest commit of the repo, by folder."""
    in_progress: bool = False
    """Whether the newest job is training the runs in the repo."""


def search_view(lineages: Lineages, model: ScriptModel, view: ModelView) -> SearchView | None:
    """Return the search of an object that was observed without it; None if it has none.

    Blocking; raises EngineError where a read fails.
    """
    search, refs, train, owned = model.spec.search, view.refs, view.train, view.owned.trials
    if search is None:
        return None
    results, newest = lineages.results, lineages.read_by(train.newest) if train and train.newest else None
    compute, retrain = train_compute(model, refs), retraining(model, train.mark if train else None)
    good = train.last_good if train else None
    mark = mark_of_job(results.gateway, train, good) if train and good else None
    made = lineages.read_by(good) if good and mark and (mark.compute, mark.retrain_at) == (compute, retrain) else None
    found, results_digest = dict[str, RunResult](), ""
    if made and newest and made.trials and made.corpus == newest.corpus:
        found, results_digest = outcomes(results, (refs.own_trials, made.trials), (made.repo, made.model))
    head = owned.head.id if owned and owned.ownership.ours and owned.head else ""
    planned = plan(search, model.spec.model.seed, found)
    selected = planned.finished and not planned.failure
    return SearchView(
        plan=planned,
        results=found,
        commit=made.model if made and found else "",
        present=inputs(results, refs.own_trials, head) if head else {},
        newest=newest,
        in_progress=bool(newest and newest.trials == head and train and train.newest and not train.newest.state.final),
        selection=("--best", planned.winner, "--of", results_digest) if selected else (),
        unfinished=_unfinished(planned),
        starting="the search is being started",
        winner=f"trial {planned.winner.lstrip('0')} is the best" if planned.winner else "",
    )


def _unfinished(plan: Plan) -> Condition | None:
    if plan.failure:
        what = "change spec.search or spec.model, or annotate scriptmodel.dev/retrain-at"
        return Problem(Reason.TRAINING_FAILED, f"the search failed: {plan.failure}: {what}")
    return None if plan.finished else Condition(Reason.TRAINING, "the search is next")
