"""Lists the features, and asks each of them in turn."""

from __future__ import annotations

from collections.abc import Sequence

from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.feature import Chosen, Feature
from scriptmodel_operator.observe.view import ModelView
from scriptmodel_operator.promotion.feature import Promotions

FEATURES: Sequence[Feature] = [
    Promotions(),
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
