"""Reuses what a training compiled in later ones that would compile the same: that is half of a short training."""

import dataclasses
import pickle
from typing import Any

from scriptmodel_trainer.training.task import TrainingTask

_PARTS = ("vocabulary", "train", "valid", "first", "seed", "start", "document", "letter_ngrams")
_kept: dict[bytes, tuple[Any, dict[str, Any]]] = {}


def reused(task: TrainingTask) -> Any:
    """Return the network and the graphs of the first task that is equal to this one, all variables as at first."""
    from scriptmodel_trainer.training.loop import Compiled  # noqa: PLC0415  # it imports TensorFlow

    preset = dataclasses.replace(task.preset, epochs=1, patience=0)  # which the loop reads, and no graph
    key = pickle.dumps((preset, [getattr(task, part) for part in _PARTS]))
    if key not in _kept:
        built = Compiled.of(task)
        _kept[key] = built, built.variables.arrays()
    parts, first = _kept[key]
    parts.variables.assign(first)
    return parts
