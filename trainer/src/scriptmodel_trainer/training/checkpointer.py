"""Saves the state of a training run while it trains, and restores it."""

import dataclasses
import time

from scriptmodel_trainer.errors import StoppedError
from scriptmodel_trainer.training.checkpoints import Checkpoint
from scriptmodel_trainer.training.state import Outcome, Position, Variables
from scriptmodel_trainer.training.stopping import StopSignals
from scriptmodel_trainer.training.task import TrainingTask

_SAVE_RATIO = 20  # at most this share (1/20) of the time goes into saving
_BEST = "best/"


class Checkpointer:
    """Saves position, outcome and variables at intervals and when a signal asks the run to stop."""

    def __init__(
        self, task: TrainingTask, position: Position, outcome: Outcome, variables: Variables, signals: StopSignals
    ) -> None:
        self._task = task
        self._position = position
        self._outcome = outcome
        self._variables = variables
        self._signals = signals
        self._saved_at = time.monotonic()
        self._save_seconds = 0.0

    def save_if_due(self, windows: int) -> None:
        """Save if the interval is over; save and raise StoppedError if a signal came. An epoch has `windows`."""
        interval = max(self._task.checkpoint_seconds, _SAVE_RATIO * self._save_seconds)
        stopping = self._signals.requested
        if time.monotonic() - self._saved_at < interval and not stopping:
            return
        self.save()
        if stopping:
            epoch, share = self._position.epoch, self._position.window / windows
            where = f"in epoch {epoch} at {share:.0%}" if epoch <= self._task.preset.epochs else "at the end"
            raise StoppedError(stopping, f"stopped {where}", self._signals.hint)

    def save(self) -> None:
        """Save now."""
        started = time.monotonic()
        if self._task.store.save(self.checkpoint()):
            self._signals.hint = self._task.store.hint
        self._saved_at = time.monotonic()
        self._save_seconds = self._saved_at - started

    def checkpoint(self) -> Checkpoint:
        """Return the state as it is now."""
        best = {f"{_BEST}{name}": array for name, array in self._outcome.best_weights.items()}
        return Checkpoint(
            fingerprint=self._task.fingerprint,
            position=dataclasses.replace(self._position),
            best_epoch=self._outcome.best_epoch,
            history=tuple(self._outcome.history),
            arrays=self._variables.arrays() | best,
            effort=self._task.effort,
            auto=self._task.auto,
        )

    def restore(self) -> bool:
        """Continue from the checkpoint of this run, if there is one; returns whether there is."""
        saved = self._task.saved
        if saved is None:
            return False
        self._variables.assign(saved.arrays)
        self._position.restore(saved.position)
        self._task.effort.restore(saved.effort)
        self._outcome.history = list(saved.history)
        self._outcome.best_epoch = saved.best_epoch
        self._outcome.best_weights = {
            name.removeprefix(_BEST): array for name, array in saved.arrays.items() if name.startswith(_BEST)
        }
        return True
