"""Saves the state of a training run while it trains, and restores it."""

import time

from scriptmodel_trainer.errors import StoppedError
from scriptmodel_trainer.training.checkpoints import Checkpoint
from scriptmodel_trainer.training.run import Run
from scriptmodel_trainer.training.state import Variables
from scriptmodel_trainer.training.stopping import StopSignals

SAVE_RATIO = 20  # at most this share (1/20) of the time goes into saving


class Checkpointer:
    """Saves state and variables of a run at intervals and when a signal asks it to stop."""

    def __init__(self, run: Run, variables: Variables, signals: StopSignals) -> None:
        self._run = run
        self._variables = variables
        self._signals = signals
        self._saved_at = time.monotonic()
        self._save_seconds = 0.0

    def save_if_due(self, windows: int) -> None:
        """Save if the interval is over; save and raise StoppedError if a signal came. An epoch has `windows`."""
        interval = max(self._run.options.checkpoint_seconds, SAVE_RATIO * self._save_seconds)
        stopping = self._signals.requested
        if time.monotonic() - self._saved_at < interval and not stopping:
            return
        self.save()
        if stopping:
            epoch, share = self._run.state.epoch, self._run.state.window / windows
            where = f"in epoch {epoch} at {share:.0%}" if epoch <= self._run.options.preset.epochs else "at the end"
            raise StoppedError(stopping, f"stopped {where}", self._signals.hint)

    def save(self) -> None:
        """Save now."""
        started = time.monotonic()
        run = self._run
        if run.store.save(Checkpoint(run.fingerprint, run.state, self._variables.arrays(), run.options.auto)):
            self._signals.hint = run.store.hint
        self._saved_at = time.monotonic()
        self._save_seconds = self._saved_at - started

    def restore(self) -> bool:
        """Continue from the checkpoint of this run, if there is one; returns whether there is."""
        saved = self._run.saved
        if saved is None:
            return False
        self._variables.assign(saved.arrays)
        self._run.state.restore(saved.state)
        return True
