"""What a search adds to a reconcile."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from scriptmodel_operator.act.actions import Action
from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.durations import Elapsed
from scriptmodel_operator.api.marks import Owner
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.feature import Feature, RunsProgress
from scriptmodel_operator.observe.lineage import Lineages
from scriptmodel_operator.observe.view import ModelView, RunsView
from scriptmodel_operator.search.declared import best_trial
from scriptmodel_operator.search.observed import search_view
from scriptmodel_operator.search.rounds import runs_to_put
from scriptmodel_operator.search.standings import search_progress

_COUNTS = {
    "scriptmodel_search_trials": "total",
    "scriptmodel_search_trials_complete": "complete",
    "scriptmodel_search_trials_failed": "failed",
}
_ROUND, _BEST = "scriptmodel_search_round", "scriptmodel_search_best_perplexity"


class Searches(Feature):
    gauges: ClassVar = {
        _ROUND: "status.search.round of the ScriptModel",
        **{name: f"status.search.trials.{state} of the ScriptModel" for name, state in _COUNTS.items()},
        _BEST: "Perplexity of the best trial in status.search.top of the ScriptModel",
    }

    def observe_runs(self, lineages: Lineages, model: ScriptModel, view: ModelView) -> RunsView | None:
        return search_view(lineages, model, view)

    def next_runs(self, model: ScriptModel, owner: Owner, view: ModelView) -> tuple[Action, ...] | Problem:
        return runs_to_put(model, owner, view)

    def progress(self, model: ScriptModel, view: ModelView, elapsed: Elapsed) -> RunsProgress | None:
        found = search_progress(model, view, elapsed)
        if found is None:
            return None
        status = found.status
        return RunsProgress(
            message=found.message,
            status={"search": status},
            percent=status.progress_percent,
            perplexity=best_trial(status.model_dump()).get("perplexity"),
            eta_seconds=status.eta_seconds,
            gpu_seconds=status.gpu_seconds,
        )

    def measure(self, status: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
        search = status.get("search") or {}
        figures = {name: (search.get("trials") or {}).get(state) for name, state in _COUNTS.items()}
        figures |= {_ROUND: search.get("round"), _BEST: best_trial(search).get("perplexity")}
        yield from ((name, float(figure)) for name, figure in figures.items() if figure is not None)
