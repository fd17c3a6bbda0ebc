"""Derives the trainer's environment variables from spec.training. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from scriptmodel_operator.api.durations import parse_duration
from scriptmodel_operator.api.training import Budget, Gpu, Training

GPU_REQUESTED = "SCRIPTMODEL_GPU_REQUESTED"
GPU_REQUIRED = "SCRIPTMODEL_GPU_REQUIRED"
BUDGETS = {
    "seconds": "SCRIPTMODEL_BUDGET_SECONDS",
    "epochs": "SCRIPTMODEL_BUDGET_EPOCHS",
    "gpuSeconds": "SCRIPTMODEL_BUDGET_GPU_SECONDS",
}
"""Variables by the name that the trainer has for the budget in metrics.json."""


def variables_of_training(training: Training) -> dict[str, str]:
    """Return the variables that the spec requests."""
    return {**_of_gpu(training.gpu), **_of_budget(training.budget)}


def _of_gpu(gpu: Gpu | None) -> dict[str, str]:
    if gpu is None:
        return {}
    return {GPU_REQUESTED: "1", **({GPU_REQUIRED: "1"} if gpu.required else {})}


def _of_budget(budget: Budget) -> dict[str, str]:
    seconds = int(parse_duration(budget.duration).total_seconds()) if budget.duration else None
    limits = {"seconds": seconds, "epochs": budget.epochs, "gpuSeconds": budget.gpu_seconds}
    return {BUDGETS[kind]: str(limit) for kind, limit in limits.items() if limit is not None}


def is_raised(kind: str, before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Return whether the budget that the trainer calls `kind` is larger in `after` than in `before`, or gone."""
    name = BUDGETS.get(kind, "")
    old, new = before.get(name, ""), after.get(name, "")
    return old.isdigit() and (not new or (new.isdigit() and int(new) > int(old)))
