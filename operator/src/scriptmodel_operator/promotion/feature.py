"""What promotion adds to a reconcile."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.feature import Chosen, Feature
from scriptmodel_operator.observe.view import ModelView
from scriptmodel_operator.promotion.decision import Decision, compared, held_back

_HELD_BACK = "scriptmodel_promotion_held_back"


class Promotions(Feature):
    gauges: ClassVar = {_HELD_BACK: "1 if spec.promotion holds back the newest model of the ScriptModel, else 0"}

    def choose(self, model: ScriptModel, view: ModelView, chosen: Chosen) -> Chosen:
        comparison = compared(model, view, chosen.script)
        if comparison is None:
            return chosen
        chosen = replace(
            chosen,
            status={**chosen.status, "promotion": comparison},
            history={**chosen.history, comparison.model or "": {"promotion": comparison.decision}},
        )
        if comparison.decision != Decision.HELD_BACK:
            return chosen
        return replace(chosen, script=view.scripts.kept, held_back=held_back(model, comparison))

    def start(self, model: ScriptModel) -> str:
        """Return the commit of the promoted model; empty before the first one, and without a gate."""
        promoted = model.previous.lineage.model
        return promoted.partition("@")[2] if promoted and model.spec.promotion.min_improvement is not None else ""

    def measure(self, status: Mapping[str, Any]) -> Iterable[tuple[str, float]]:
        if promotion := status.get("promotion"):
            yield _HELD_BACK, float(promotion.get("decision") == Decision.HELD_BACK)
