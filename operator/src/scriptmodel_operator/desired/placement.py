"""The fields of spec.training that all pipelines take, listed here only: see docs/contributing/adding-a-field.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scriptmodel_operator.api.training import Toleration, Training
from scriptmodel_operator.pachyderm.values import PipelineSpec, PodToleration

SHARED = frozenset({"node_selector", "tolerations", "priority_class_name", "image_pull_secrets", "backoff_limit"})
"""Fields of spec.training that reach all pipelines. All others reach `train` only, or no pipeline."""
OPERATORS_OWN = frozenset({"pending_deadline", "active_deadline"})
"""Fields of spec.training that the operator enforces itself: they reach no pipeline."""


def placed(spec: PipelineSpec, training: Training) -> PipelineSpec:
    """Return `spec` with the nodes, priority, pull secrets and tries of its pods, as Pachyderm takes them."""
    return replace(
        spec,
        node_selector=tuple(sorted(training.node_selector.items())),
        tolerations=tuple(map(_toleration, training.tolerations)),
        priority_class=training.priority_class_name,
        image_pull_secrets=tuple(each.name for each in training.image_pull_secrets),
        datum_tries=training.backoff_limit + 1,
    )


def specified(part: Any, **selection: Any) -> Mapping[str, Any]:
    """Return the fields that differ from their defaults, so that a field added to the API later changes no digest."""
    found: dict[str, Any] = part.model_dump(by_alias=True, exclude_defaults=True, mode="json", **selection)
    return found


def _toleration(item: Toleration) -> PodToleration:
    return PodToleration(
        key=item.key,
        operator=item.operator,
        value=item.value,
        effect=item.effect or "",
        seconds=item.toleration_seconds,
    )
