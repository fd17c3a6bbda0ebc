"""Saves the state of a training run while it trains, and restores it."""

import time

from scriptmodel_trainer.errors import StoppedError
from scriptmodel_trainer.training.checkpoints import Checkpoint
from scriptmodel_trainer.training.state import Variables
from scriptmodel_trainer.training.stopping import StopSignals
from scriptmodel_trainer.training.task import TrainingTask

SAVE_RATIO = 20  # at most this share (1/20) of the time goes into saving


class Checkpointer:
    """Saves state and variables of a run at intervals and when a signal asks it to stop."""

    def __init__(self, task: TrainingTask, variables: Variables, signals: StopSignals) -> None:
        self._task = task
        self._variables = variables
        self._signals = signals
        self._saved_at = time.monotonic()
        self._save_seconds = 0.0

    def save_if_due(self, windows: int) -> None:
        """Save if the interval is over; save and raise StoppedError if a signal came. An epoch has `windows`."""
        interval = max(self._task.checkpoint_seconds, SAVE_RATIO * self._save_seconds)
        stopping = self._signals.requested
        if time.monotonic() - self._saved_at < interval and not stopping:
            return
        self.save()
        if stopping:
            epoch, share = self._task.state.epoch, self._task.state.window / windows
            where = f"in epoch {epoch} at {share:.0%}" if epoch <= self._task.preset.epochs else "at the end"
            raise StoppedError(stopping, f"stopped {where}", self._signals.hint)

    def save(self) -> None:
        """Save now."""
        started = time.monotonic()
        task = self._task
        if task.store.save(Checkpoint(task.fingerprint, task.state, self._variables.arrays(), task.auto)):
            self._signals.hint = self._task.store.hint
        self._saved_at = time.monotonic()
        self._save_seconds = self._saved_at - started

    def restore(self) -> bool:
        """Continue from the checkpoint of this run, if there is one; returns whether there is."""
        saved = self._task.saved
        if saved is None:
            return False
        self._variables.assign(saved.arrays)
        self._task.state.restore(saved.state)
        return True
