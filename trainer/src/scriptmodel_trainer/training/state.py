"""The state of a training run: how far it is, its best weights so far, and the variables that change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from scriptmodel_trainer.storage.arrays import Floats
from scriptmodel_trainer.storage.records import Amount, Count, EpochRecord

_KEPT, _MOST_KEPT = 0.05, 30.0  # share of the seconds of a budget, and seconds
_BEST = "best/"


@dataclass(slots=True)
class RunState:
    """How far a run is, over all its restarts, without what came after the last checkpoint of a killed attempt.

    `window` windows of `epoch` (from 1) are done, and `loss` is the sum of their mean losses. `epoch_seconds` is the
    time spent on them, `seconds` that on all of the run, validation too, of which `gpu_seconds` on a GPU. `history` has
    the finished epochs, and `best_epoch` the one with the best validation perplexity (0: none yet).
    """

    epoch: Count = 1
    window: Count = 0
    loss: float = 0.0
    epoch_seconds: Amount = 0.0
    seconds: Amount = 0.0
    gpu_seconds: Amount = 0.0
    restarts: Count = 0
    best_epoch: Count = 0
    history: list[EpochRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not bool(self.history) <= self.best_epoch <= len(self.history):
            raise ValueError(f"it has no epoch {self.best_epoch}")

    def advance(self, windows: int, loss: float, seconds: float) -> None:
        self.window += windows
        self.loss += loss
        self.epoch_seconds += seconds

    def spend(self, seconds: float, on_gpu: bool) -> None:
        self.seconds += seconds
        self.gpu_seconds += seconds if on_gpu else 0.0

    def start_next_epoch(self) -> None:
        self.epoch, self.window, self.loss, self.epoch_seconds = self.epoch + 1, 0, 0.0, 0.0

    def add(self, record: EpochRecord) -> bool:
        """Add a finished epoch; returns whether it validated better than all before."""
        best = not self.history or record.valid_perplexity < self.history[self.best_epoch - 1].valid_perplexity
        self.history.append(record)
        self.best_epoch = record.epoch if best else self.best_epoch
        return best

    def seconds_left(self, budget: float) -> float:
        """Return the seconds of training that a budget leaves: some are kept for the test."""
        return max(0.0, budget - min(_MOST_KEPT, _KEPT * budget) - self.seconds)

    def restore(self, saved: RunState) -> None:
        for each in fields(self):
            setattr(self, each.name, getattr(saved, each.name))


@dataclass(frozen=True, slots=True)
class Variables:
    """The TensorFlow variables that training changes: weights, the optimizer's slots, each layer's LSTM state.

    `best` are the weights of the best epoch so far.
    """

    weights: Mapping[str, Any]
    slots: Mapping[str, Any]
    lstm_state: list[list[Any]]
    best: dict[str, Floats] = field(default_factory=dict)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of all values by the names that a checkpoint gives them."""
        best = {f"{_BEST}{name}": array for name, array in self.best.items()}
        return {name: variable.numpy() for name, variable in self._named()} | best

    def assign(self, arrays: Mapping[str, npt.NDArray[np.float32]]) -> None:
        for name, variable in self._named():
            variable.assign(arrays[name])
        self.best.clear()
        self.best.update((name.removeprefix(_BEST), arrays[name]) for name in arrays if name.startswith(_BEST))

    def _named(self) -> Iterator[tuple[str, Any]]:
        for prefix, group in (("weights", self.weights), ("slots", self.slots)):
            for name, variable in group.items():
                yield f"{prefix}/{name}", variable
        for index, layer in enumerate(self.lstm_state):
            for part, variable in enumerate(layer):
                yield f"state/{index}/{part}", variable
