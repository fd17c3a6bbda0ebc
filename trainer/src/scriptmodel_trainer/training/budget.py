"""Limits of a training over all its restarts, after which it ends with the best weights so far."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scriptmodel_trainer.training.state import Effort

_KEPT, _MOST_KEPT = 0.05, 10.0  # share of the seconds, and seconds


@dataclass(frozen=True, slots=True)
class Budget:
    """Seconds of training, finished epochs, and seconds of training on a GPU that a run may take."""

    seconds: float = math.inf
    epochs: float = math.inf
    gpu_seconds: float = math.inf

    @property
    def training_seconds(self) -> float:
        """The seconds less what is kept for the test and for choosing a temperature afterwards."""
        return self.seconds - min(_MOST_KEPT, _KEPT * self.seconds) if math.isfinite(self.seconds) else math.inf

    def exhausted(self, effort: Effort, epochs: int) -> str | None:
        """Return which limit is reached: `seconds`, `epochs`, `gpuSeconds` or None."""
        if effort.seconds >= self.training_seconds:
            return "seconds"
        if epochs >= self.epochs:
            return "epochs"
        return "gpuSeconds" if effort.gpu_seconds >= self.gpu_seconds else None

    def seconds_left(self, effort: Effort, epochs: float, epoch_seconds: float, *, on_gpu: bool) -> float:
        """Return the expected seconds until a limit is reached, infinite without one.

        `epochs` are done, the last one in part, and each takes `epoch_seconds`.
        """
        gpu_seconds = self.gpu_seconds - effort.gpu_seconds if on_gpu else math.inf
        left = min(self.training_seconds - effort.seconds, (self.epochs - epochs) * epoch_seconds, gpu_seconds)
        return max(0.0, left)
