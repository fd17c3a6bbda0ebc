"""Reports a training run: its start, progress every few seconds, and each finished epoch."""

import dataclasses
import time

from scriptmodel_trainer.progress.events import DeviceUsed, EpochEnded, EpochStarted, Progressed, Resumed, Started
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.storage.records import EpochRecord, perplexity_of
from scriptmodel_trainer.training.batches import TrainingRows
from scriptmodel_trainer.training.run import Run
from scriptmodel_trainer.training.state import RunState

REPORT_SECONDS = 5.0


class Reporter:
    """Turns positions into events: every REPORT_SECONDS, and at each tenth of an epoch.

    The first windows of a run take far longer than others, since TensorFlow compiles the graph: the speed and the time
    that is left are those of the windows after them.
    """

    def __init__(self, progress: Progress, run: Run, rows: TrainingRows) -> None:
        self._progress = progress
        self._run = run
        self._rows = rows
        self._reported_at = time.monotonic()
        self._reported_window = 0
        self._first: RunState | None = None

    def started(self, resumed_from: int | None, state: RunState) -> None:
        """Report the start of the run; `resumed_from` is the epoch that a resumed run continues."""
        options, device, words = self._run.options, self._run.device, len(self._run.vocabulary)
        preset, tokens = options.preset, {name: len(ids) for name, ids in self._run.splits.items()}
        parameters, outlives = preset.parameter_count(words), options.state is not None
        self._progress.report(
            Started(options.preset_name, parameters, tokens, words, preset.epochs, resumed_from, outlives)
        )
        self._progress.report(
            DeviceUsed(device.kind, device.name, device.memory_bytes, preset.precision, options.gpu_requested)
        )
        if state.restarts:
            epoch = min(state.epoch, preset.epochs)
            share = 1.0 if state.epoch > epoch else state.window / self._rows.windows
            self._progress.report(Resumed(epoch, share, state.restarts))

    def epoch_started(self, state: RunState, rate: float) -> None:
        self._progress.report(EpochStarted(state.epoch, rate))
        self._reported_at = time.monotonic()
        self._reported_window = state.window

    def progressed(self, state: RunState) -> None:
        """Report the position if a report is due; a validation, which does not move it, has no report of its own."""
        if self._first is None:
            self._first = dataclasses.replace(state)
        windows, epochs = self._rows.windows, self._run.options.preset.epochs
        tenth, reported_tenth = (window * 10 // windows for window in (state.window, self._reported_window))
        due = tenth != reported_tenth or time.monotonic() - self._reported_at >= REPORT_SECONDS
        if state.window == self._reported_window or not due:
            return
        trained, seconds = state.window, state.epoch_seconds
        if state.epoch == self._first.epoch and windows > self._first.window:
            trained, seconds = trained - self._first.window, seconds - self._first.epoch_seconds
        if not trained:
            return
        speed = trained * self._rows.words / max(seconds, 1e-9)
        eta = self._seconds_left(state, windows * self._rows.words / max(speed, 1e-9))
        mean = state.loss / state.window
        self._progress.report(Progressed(state.epoch, epochs, state.window / windows, perplexity_of(mean), speed, eta))
        self._reported_at = time.monotonic()
        self._reported_window = state.window

    def epoch_ended(self, record: EpochRecord, best: bool) -> None:
        self._progress.report(
            EpochEnded(record.epoch, record.train_perplexity, record.valid_perplexity, best, record.sample)
        )

    def _seconds_left(self, state: RunState, epoch_seconds: float) -> float:
        """Return the expected seconds until all epochs are done or the budget ends the training."""
        options, done = self._run.options, state.epoch - 1 + state.window / self._rows.windows
        return min((options.preset.epochs - done) * epoch_seconds, state.seconds_left(options.budget))
