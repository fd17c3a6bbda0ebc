"""The training loop: epochs of windows, progress, validation, best weights, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from scriptmodel_trainer.errors import DivergedError, StoppedError
from scriptmodel_trainer.presets import Preset
from scriptmodel_trainer.progress.events import EpochEnded, EpochStarted, Progressed, Started, Warned
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.stopping import RESUMABLE, StopSignals
from scriptmodel_trainer.training.batches import cut_for_training, cut_for_validation
from scriptmodel_trainer.training.checkpoints import (
    Checkpoint,
    EpochRecord,
    check_arrays,
    damaged,
    load_checkpoint,
    save_checkpoint,
)
from scriptmodel_trainer.training.fingerprints import Fingerprints
from scriptmodel_trainer.training.graph import Pace, TrainingGraph, ValidationGraph
from scriptmodel_trainer.training.model import LanguageModel
from scriptmodel_trainer.training.optimizers import Optimizer, learning_rate

Ids = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]

REPORT_SECONDS = 5.0
_SAVE_RATIO = 20  # at most this share (1/20) of the time goes into saving
OTHER_PROCESSOR = (
    "the saved state is of another kind of processor: sums are rounded another way here, so the weights will not be "
    "bit-identical to those of an undisturbed run"
)
UNKNOWN_PRECISION = (
    "an older version saved the state and did not record what precision=auto was there: if that was another kind of "
    "processor, the weights will not be bit-identical to those of an undisturbed run"
)
_HOPELESS = 40.0  # nats a token: far worse than guessing among all words, so the weights have exploded


@dataclass(frozen=True, slots=True)
class TrainingTask:
    """What to train on what: token numbers of both streams, and the number of `<eos>` that stands before them."""

    preset_name: str
    preset: Preset
    vocabulary: int
    train: Ids
    valid: Ids
    tokens: dict[str, int]
    eos: int
    seed: int
    fingerprints: Fingerprints
    processor: str
    checkpoint: Path
    checkpoint_seconds: float
    sample: Callable[[dict[str, Floats]], str]
    """A line of script by the weights, for the log; must not draw from any generator that training uses."""


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """Weights of the epoch that validated best, and the course of the run."""

    weights: dict[str, Floats]
    history: tuple[EpochRecord, ...]
    best_epoch: int
    seconds: float


def fit(task: TrainingTask, resume: bool, progress: Progress, signals: StopSignals) -> TrainingResult:
    """Train to the end, or raise StoppedError with the state saved, or DivergedError with nothing overwritten.

    Raises MemoryError if the network does not fit into the processor's memory or the GPU's.
    """
    try:
        run = _Run(task, progress, signals)
        if resume:
            run.restore(load_checkpoint(task.checkpoint, task.fingerprints))
        signals.deferred = True
        result = run.to_end()
    except tf.errors.ResourceExhaustedError as error:
        raise MemoryError from error
    finally:
        signals.deferred = False
    signals.answer()
    return result


class _Run:
    """A training run in progress."""

    def __init__(self, task: TrainingTask, progress: Progress, signals: StopSignals) -> None:
        preset = task.preset
        self._task = task
        self._progress = progress
        self._signals = signals
        self._model = LanguageModel(preset, task.vocabulary, task.seed)
        self._optimizer = Optimizer(preset, self._model.variables)
        self._rows = cut_for_training(task.train, preset.batch_size, preset.steps, task.eos)
        self._graph = TrainingGraph(self._model, self._optimizer, self._rows, task.seed)
        self._validation = ValidationGraph(self._model, cut_for_validation(task.valid, task.eos))
        self._epoch, self._window, self._loss = 1, 0, 0.0
        self._epoch_seconds, self._seconds = 0.0, 0.0
        self._history: list[EpochRecord] = []
        self._best: dict[str, Floats] = {}
        self._best_epoch = 0
        self._resumed_from: int | None = None
        self._pace = Pace()
        self._reported_at = time.monotonic()
        self._saved_at = time.monotonic()
        self._save_cost = 0.0

    def to_end(self) -> TrainingResult:
        preset = self._task.preset
        self._progress.report(
            Started(
                self._task.preset_name,
                preset.parameter_count(self._task.vocabulary),
                self._task.tokens,
                self._task.vocabulary,
                preset.epochs,
                self._resumed_from,
            )
        )
        while self._epoch <= preset.epochs:
            self._pass_over_text()
            self._validate()
            self._epoch, self._window, self._loss, self._epoch_seconds = self._epoch + 1, 0, 0.0, 0.0
            self._graph.reset_state()
            self._checkpoint_if_due()
        self._save()  # what comes next may take long, too
        return TrainingResult(self._best, tuple(self._history), self._best_epoch, self._seconds)

    def _pass_over_text(self) -> None:
        windows = self._rows.windows
        self._progress.report(EpochStarted(self._epoch, self._rate(self._window)))
        self._reported_at = time.monotonic()
        while self._window < windows:
            before, count = self._window, min(self._pace.count, windows - self._window)
            rates = [self._rate(before + ahead) for ahead in range(count)]
            with self._pace.of(count):
                loss = self._graph.run(before, (self._epoch - 1) * windows + before, rates)
            self._loss += loss
            self._window += count
            self._epoch_seconds += self._pace.took
            self._seconds += self._pace.took
            if not loss / count < _HOPELESS:  # NaN is not less either
                raise self._diverged(loss / count)
            self._between(self._window * 10 // windows > before * 10 // windows)

    def _between(self, report: bool = False) -> None:
        """Answer signals, and tell now and then how far it is; at once if `report`."""
        if report or time.monotonic() - self._reported_at >= REPORT_SECONDS:
            self._report()
            self._reported_at = time.monotonic()
        self._checkpoint_if_due()

    def _rate(self, window: int) -> float:
        windows = self._rows.windows
        done = ((self._epoch - 1) * windows + window) / (windows * self._task.preset.epochs)
        return learning_rate(self._task.preset, self._epoch, done)

    def _report(self) -> None:
        windows, epochs = self._rows.windows, self._task.preset.epochs
        done = (self._epoch - 1) * windows + self._window
        speed = self._window * self._rows.words / max(self._epoch_seconds, 1e-9)
        left = (epochs * windows - done) * self._rows.words / max(speed, 1e-9)
        fraction = self._window / windows
        self._progress.report(
            Progressed(self._epoch, epochs, fraction, _perplexity(self._loss / self._window), speed, left)
        )

    def _validate(self) -> None:
        began = time.monotonic()
        mean = self._validation.run(self._between)
        self._seconds += time.monotonic() - began
        if not mean < _HOPELESS:
            raise self._diverged(mean)
        valid = _perplexity(mean)
        best = not self._history or valid < self._history[self._best_epoch - 1].valid_perplexity
        weights = self._model.weights()
        words = self._rows.windows * self._rows.words
        self._history.append(
            EpochRecord(
                self._epoch,
                _perplexity(self._loss / self._rows.windows),
                valid,
                self._rate(self._rows.windows - 1),
                self._epoch_seconds,
                words / max(self._epoch_seconds, 1e-9),
                self._task.sample(weights),
            )
        )
        if best:
            self._best, self._best_epoch = weights, self._epoch
        done = self._history[-1]
        self._progress.report(EpochEnded(done.epoch, done.train_perplexity, valid, best, done.sample))

    def _checkpoint_if_due(self) -> None:
        """Save now and then; save and stop if a signal came."""
        now = time.monotonic()
        due = now - self._saved_at >= max(self._task.checkpoint_seconds, _SAVE_RATIO * self._save_cost)
        stopping = self._signals.requested
        if not (due or stopping):
            return
        self._save()
        if stopping:
            share = self._window / self._rows.windows
            where = (
                f"in epoch {self._epoch} at {share:.0%}" if self._epoch <= self._task.preset.epochs else "at the end"
            )
            raise StoppedError(stopping, f"stopped {where}", RESUMABLE)

    def _save(self) -> None:
        began = time.monotonic()
        save_checkpoint(self._task.checkpoint, self._snapshot())
        self._signals.hint = RESUMABLE
        self._saved_at = time.monotonic()
        self._save_cost = self._saved_at - began

    def _snapshot(self) -> Checkpoint:
        arrays: dict[str, npt.NDArray[Any]] = {}
        for prefix, group in (("weights", self._model.variables), ("slots", self._optimizer.slots)):
            arrays |= {f"{prefix}/{name}": variable.numpy() for name, variable in group.items()}
        arrays |= {f"best/{name}": array for name, array in self._best.items()}
        for index, layer in enumerate(self._graph.state):
            arrays |= {f"state/{index}/{part}": variable.numpy() for part, variable in enumerate(layer)}
        return Checkpoint(
            self._task.fingerprints.current,
            self._epoch,
            self._window,
            self._loss,
            self._epoch_seconds,
            self._seconds,
            self._best_epoch,
            tuple(self._history),
            arrays,
            self._task.processor,
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take over the state of an earlier run with the same fingerprint; warns where the result may differ."""
        if checkpoint.processor not in ("", self._task.processor):
            self._progress.report(Warned("other_processor", OTHER_PROCESSOR))
        if checkpoint.fingerprint == self._task.fingerprints.unresolved:
            self._progress.report(Warned("unknown_precision", UNKNOWN_PRECISION))
        arrays = checkpoint.arrays
        path, epochs = self._task.checkpoint, self._task.preset.epochs
        wanted = {name: array.shape for name, array in self._snapshot().arrays.items()}
        if checkpoint.best_epoch:
            wanted |= {f"best/{name}": tuple(variable.shape) for name, variable in self._model.variables.items()}
        check_arrays(path, arrays, wanted)
        over = checkpoint.epoch == epochs + 1 and checkpoint.window == 0
        within = 1 <= checkpoint.epoch <= epochs and checkpoint.window <= self._rows.windows
        if not (over or within) or len(checkpoint.history) != checkpoint.epoch - 1:
            raise damaged(path, f"it names window {checkpoint.window} of epoch {checkpoint.epoch}")
        for prefix, group in (("weights", self._model.variables), ("slots", self._optimizer.slots)):
            for name, variable in group.items():
                variable.assign(arrays[f"{prefix}/{name}"])
        for index, layer in enumerate(self._graph.state):
            for part, variable in enumerate(layer):
                variable.assign(arrays[f"state/{index}/{part}"])
        self._best = {name.removeprefix("best/"): array for name, array in arrays.items() if name.startswith("best/")}
        self._best_epoch = checkpoint.best_epoch
        self._history = list(checkpoint.history)
        self._epoch, self._window, self._loss = checkpoint.epoch, checkpoint.window, checkpoint.loss
        self._epoch_seconds, self._seconds = checkpoint.epoch_seconds, checkpoint.seconds
        self._resumed_from = min(checkpoint.epoch, self._task.preset.epochs)

    def _diverged(self, loss: float) -> DivergedError:
        return DivergedError(
            f"training diverged: the loss became {loss:.4g} in epoch {self._epoch}",
            "lower learning_rate or clip_norm; nothing was overwritten",
        )


def _perplexity(mean: float) -> float:
    return math.exp(mean) if mean < 700 else math.inf
