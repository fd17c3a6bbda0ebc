"""What a search adds to a reconcile."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from scriptmodel_operator.feature import Feature
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

    observe_runs = staticmethod(search_view)
    next_runs = staticmethod(runs_to_put)
    progress = staticmethod(search_progress)

    def measure(self, status: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
        search = status.get("search") or {}
        figures = {name: (search.get("trials") or {}).get(state) for name, state in _COUNTS.items()}
        figures |= {_ROUND: search.get("round"), _BEST: best_trial(search).get("perplexity")}
        yield from ((name, float(figure)) for name, figure in figures.items() if figure is not None)
