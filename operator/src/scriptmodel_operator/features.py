"""Lists the features, and asks each of them in turn."""

from collections.abc import Sequence

from scriptmodel_operator.act.actions import Action
from scriptmodel_operator.api.conditions import Problem
from scriptmodel_operator.api.durations import Elapsed
from scriptmodel_operator.api.marks import Owner
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.feature import Chosen, Feature, RunsProgress
from scriptmodel_operator.observe.lineage import Lineages
from scriptmodel_operator.observe.view import ModelView, RunsView
from scriptmodel_operator.promotion.feature import Promotions
from scriptmodel_operator.search.feature import Searches

FEATURES: Sequence[Feature] = [
    Promotions(),
    Searches(),
]


def choose(model: ScriptModel, view: ModelView) -> Chosen:
    """Return the script that the status reports: the newest one with a text, unless a feature holds it back."""
    newest, kept = view.scripts.newest, view.scripts.kept
    chosen = Chosen(kept if newest and kept and not newest.has_text else newest)
    for feature in FEATURES:
        chosen = feature.choose(model, view, chosen)
    return chosen


def start(model: ScriptModel) -> str:
    """Return the commit of the model that other trainings start from; empty if it is the newest one."""
    return next(filter(None, (feature.start(model) for feature in FEATURES)), "")


def observe_runs(lineages: Lineages, model: ScriptModel, view: ModelView) -> RunsView | None:
    """Return the runs of a training, None if it is one run. Blocking; raises EngineError where a read fails."""
    return next(filter(None, (feature.observe_runs(lineages, model, view) for feature in FEATURES)), None)


def next_runs(model: ScriptModel, owner: Owner, view: ModelView) -> tuple[Action, ...] | Problem:
    """Return the actions that start the next runs of a training, none if there is nothing to start; or a problem."""
    for feature in FEATURES:
        if found := feature.next_runs(model, owner, view):
            return found
    return ()


def progress(model: ScriptModel, view: ModelView, elapsed: Elapsed) -> RunsProgress | None:
    """Return how far the runs of a training are; None if it is one run."""
    return next(filter(None, (feature.progress(model, view, elapsed) for feature in FEATURES)), None)
