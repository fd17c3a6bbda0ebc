"""Saves the state of a training run while it trains, and restores it."""

import dataclasses
import time
from pathlib import Path

from scriptmodel_trainer.errors import StoppedError
from scriptmodel_trainer.progress.events import Warned
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.training.checkpoints import Checkpoint, check_arrays, damaged
from scriptmodel_trainer.training.state import Effort, Outcome, Position, Variables
from scriptmodel_trainer.training.stopping import StopSignals
from scriptmodel_trainer.training.stores import Store
from scriptmodel_trainer.training.task import TrainingTask

_NOT_IDENTICAL = (
    "which may round sums differently: the weights will not be bit-identical to those of an uninterrupted run"
)
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

    def save(self, store: Store | None = None) -> None:
        """Save now, to the run's own store or another one."""
        started = time.monotonic()
        best = {f"{_BEST}{name}": array for name, array in self._outcome.best_weights.items()}
        checkpoint = Checkpoint(
            fingerprint=self._task.fingerprint,
            position=dataclasses.replace(self._position),
            best_epoch=self._outcome.best_epoch,
            history=tuple(self._outcome.history),
            arrays=self._variables.arrays() | best,
            processor=self._task.processor,
            tensorflow=self._task.tensorflow,
            effort=self._task.effort,
            auto=self._task.auto,
        )
        if (store or self._task.store).save(checkpoint):
            self._signals.hint = self._task.store.hint
        self._saved_at = time.monotonic()
        self._save_seconds = self._saved_at - started

    def restore(self, windows: int, progress: Progress) -> bool:
        """Continue from the saved state of this run, whose epochs have `windows`; returns whether there is one.

        Warns where the result may differ. Raises BadInputError if a checkpoint for --resume is damaged or of another
        run.
        """
        effort = self._task.effort
        for store in self._task.resume_from:
            last = store.last_effort()
            checkpoint = store.newest(lambda path, found: self._check(path, found, windows))
            if checkpoint is not None:
                self._assign(checkpoint, progress)
                effort.restart(checkpoint.effort, last or checkpoint.effort, planned=store.planned)
                self._task.store.record_effort()  # or a kill before the next heartbeat hides this restart
                return True
            if last is not None:  # killed before the first checkpoint
                effort.restart(Effort(), last)
                self._task.store.record_effort()
        return False

    def _assign(self, checkpoint: Checkpoint, progress: Progress) -> None:
        if checkpoint.processor != self._task.processor:
            text = f"the state was saved on another kind of processor, {_NOT_IDENTICAL}"
            progress.report(Warned("other_processor", text))
        if checkpoint.tensorflow != self._task.tensorflow:
            text = f"the state was saved with TensorFlow {checkpoint.tensorflow}, and this is {self._task.tensorflow}"
            progress.report(Warned("other_tensorflow", f"{text}, {_NOT_IDENTICAL}"))
        self._variables.assign(checkpoint.arrays)
        self._position.restore(checkpoint.position)
        self._outcome.history = list(checkpoint.history)
        self._outcome.best_epoch = checkpoint.best_epoch
        self._outcome.best_weights = {
            name.removeprefix(_BEST): array for name, array in checkpoint.arrays.items() if name.startswith(_BEST)
        }

    def _check(self, path: Path, checkpoint: Checkpoint, windows: int) -> None:
        expected = self._variables.shapes()
        if checkpoint.best_epoch:
            shapes = self._task.preset.shapes(self._task.vocabulary)
            expected |= {f"{_BEST}{name}": shape for name, shape in shapes.items()}
        epochs, position = self._task.preset.epochs, checkpoint.position
        check_arrays(path, checkpoint.arrays, expected)
        over = position.epoch == epochs + 1 and position.window == 0
        within = 1 <= position.epoch <= epochs and position.window <= windows
        if not (over or within) or len(checkpoint.history) != position.epoch - 1:
            raise damaged(path, f"it names window {position.window} of epoch {position.epoch}")
