"""The state of a training run: position, effort and its limit, best weights so far, and the variables that change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.storage.arrays import Floats
from scriptmodel_trainer.storage.records import Amount, Count, EpochRecord

_KEPT, _MOST_KEPT = 0.05, 30.0  # share of the seconds of a budget, and seconds


@dataclass(slots=True)
class Position:
    """Where a run is: `window` windows of `epoch` (from 1) are done, and `loss` is the sum of their mean losses.

    `epoch_seconds` is the time spent on the windows of this epoch, `seconds` that on all of the run, validation too.
    """

    epoch: Count = 1
    window: Count = 0
    loss: float = 0.0
    epoch_seconds: Amount = 0.0
    seconds: Amount = 0.0

    def advance(self, windows: int, loss: float, seconds: float) -> None:
        self.window += windows
        self.loss += loss
        self.epoch_seconds += seconds
        self.seconds += seconds

    def start_next_epoch(self) -> None:
        self.epoch, self.window, self.loss, self.epoch_seconds = self.epoch + 1, 0, 0.0, 0.0

    def restore(self, saved: Position) -> None:
        for each in fields(self):
            setattr(self, each.name, getattr(saved, each.name))


@dataclass(slots=True)
class Effort:
    """What a run took over all its restarts: `seconds` of training, `gpu_seconds` of them on a GPU.

    What came after the last checkpoint of an attempt that was killed is not in it.
    """

    seconds: Amount = 0.0
    gpu_seconds: Amount = 0.0
    restarts: Count = 0

    def spend(self, seconds: float, on_gpu: bool) -> None:
        self.seconds += seconds
        self.gpu_seconds += seconds if on_gpu else 0.0

    def restore(self, saved: Effort) -> None:
        for each in fields(self):
            setattr(self, each.name, getattr(saved, each.name))


def seconds_left(budget: float, effort: Effort) -> float:
    """Return the seconds of training that a budget leaves: some are kept for the test."""
    return max(0.0, budget - min(_MOST_KEPT, _KEPT * budget) - effort.seconds)


@dataclass(slots=True)
class Outcome:
    """The finished epochs, and the weights of the one with the best validation perplexity (0: none yet)."""

    history: list[EpochRecord] = field(default_factory=list)
    best_epoch: int = 0
    best_weights: dict[str, Floats] = field(default_factory=dict)

    def add(self, record: EpochRecord, weights: dict[str, Floats]) -> bool:
        """Add a finished epoch; returns whether it validated better than all before."""
        best = not self.history or record.valid_perplexity < self.history[self.best_epoch - 1].valid_perplexity
        self.history.append(record)
        if best:
            self.best_epoch, self.best_weights = record.epoch, weights
        return best


@dataclass(frozen=True, slots=True)
class Variables:
    """The TensorFlow variables that training changes: weights, the optimizer's slots, each layer's LSTM state."""

    weights: Mapping[str, Any]
    slots: Mapping[str, Any]
    lstm_state: list[list[Any]]

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of all values by the names that a checkpoint gives them."""
        return {name: variable.numpy() for name, variable in self._named()}

    def assign(self, arrays: Mapping[str, npt.NDArray[np.float32]]) -> None:
        for name, variable in self._named():
            variable.assign(arrays[name])

    def _named(self) -> Iterator[tuple[str, Any]]:
        for prefix, group in (("weights", self.weights), ("slots", self.slots)):
            for name, variable in group.items():
                yield f"{prefix}/{name}", variable
        for index, layer in enumerate(self.lstm_state):
            for part, variable in enumerate(layer):
                yield f"state/{index}/{part}", variable
