"""The training loop: epochs of windows, each followed by validation, with reports and checkpoints in between."""

import time
from dataclasses import dataclass
from typing import Self

import tensorflow as tf

from scriptmodel_trainer.errors import DivergedError
from scriptmodel_trainer.evaluation.perplexity import cut_for_validation
from scriptmodel_trainer.model.network_tensorflow import LanguageModel
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.storage.records import EpochRecord, perplexity_of
from scriptmodel_trainer.training.batches import TrainingRows, cut_for_training
from scriptmodel_trainer.training.checkpointer import Checkpointer
from scriptmodel_trainer.training.graph import Pace, TrainingGraph, Validation
from scriptmodel_trainer.training.optimizers import Optimizer, learning_rate
from scriptmodel_trainer.training.reporter import Reporter
from scriptmodel_trainer.training.run import Run, TrainingResult
from scriptmodel_trainer.training.state import Variables
from scriptmodel_trainer.training.stopping import StopSignals

_DIVERGED = 40.0  # nats a token: far worse than a uniform guess among all words, so the weights have exploded


def fit(run: Run, progress: Progress, signals: StopSignals) -> TrainingResult:
    """Train to the end, from the saved state if there is one; returns the best weights.

    Raises StoppedError with the state saved, DivergedError with nothing overwritten, and MemoryError if the network
    does not fit into the memory of the CPU or the GPU.
    """
    try:
        loop = _Loop(run, progress, signals)
        resumed_from = loop.resume()
        signals.deferred = True
        result = loop.run(resumed_from)
    except tf.errors.ResourceExhaustedError as error:
        raise MemoryError from error
    finally:
        signals.deferred = False
    signals.answer()
    return result


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a run trains and validates with: graphs, compiled when they first run, and the variables they change."""

    rows: TrainingRows
    training: TrainingGraph
    validation: Validation
    model: LanguageModel
    variables: Variables

    @classmethod
    def of(cls, run: Run) -> Self:
        options, vocabulary, first = run.options, run.vocabulary, run.vocabulary.first
        preset = options.preset
        model = LanguageModel(preset, len(vocabulary), options.seed, vocabulary.document, run.letter_ngrams)
        if run.starts_from is not None:
            model.set_weights(run.starts_from)
        optimizer = Optimizer(preset, model.variables)
        rows = cut_for_training(run.splits["train"], preset.batch_size, preset.steps, first)
        valid = cut_for_validation(run.splits["valid"], first, preset.cache_window)
        training = TrainingGraph(model, optimizer, rows, options.seed)
        variables = Variables(model.variables, optimizer.slots, training.state)
        return cls(rows, training, Validation(model, valid), model, variables)


compiled = Compiled.of  # tests of many equal trainings compile once


class _Loop:
    """A training run; its state is in `state` and the variables that the graphs change."""

    def __init__(self, run: Run, progress: Progress, signals: StopSignals) -> None:
        parts = compiled(run)
        self._run, self._preset = run, run.options.preset
        self._rows, self._model = parts.rows, parts.model
        self._training, self._validation = parts.training, parts.validation
        self._state, self._best = run.state, parts.variables.best
        self._checkpointer = Checkpointer(run, parts.variables, signals)
        self._reporter = Reporter(progress, run, self._rows)
        self._pace = Pace()

    def resume(self) -> int | None:
        """Restore the saved state; returns the epoch that the run continues, None if it starts."""
        if not self._checkpointer.restore():
            return None
        return min(self._state.epoch, self._preset.epochs)

    def run(self, resumed_from: int | None) -> TrainingResult:
        state = self._state
        self._reporter.started(resumed_from, state)
        while (ending := self._ending()) is None:
            self._train_epoch()
            if state.window == self._rows.windows:
                self._validate()
                state.start_next_epoch()
                self._training.reset_state()
                self._checkpointer.save_if_due(self._rows.windows)
        self._checkpointer.save()  # scoring the test split may take long, too
        if state.window:  # the budget ended the run within an epoch, which the saved state continues
            self._validate()
        return TrainingResult(dict(self._best), ending)

    def _ending(self) -> str | None:
        """Return why the run ends here; None if it continues."""
        preset, state = self._preset, self._state
        if state.epoch > preset.epochs:
            return "epochs"
        if preset.patience and len(state.history) - state.best_epoch >= preset.patience:
            return "early-stopping"
        return "budget" if self._exhausted() else None

    def _exhausted(self) -> bool:
        """Return whether the budget is used up; never before this run has trained anything, or it would have no end."""
        begun = bool(self._state.window or self._state.history)
        return begun and not self._state.seconds_left(self._run.options.budget)

    def _spend(self, seconds: float) -> None:
        self._state.spend(seconds, on_gpu=self._run.device.kind == "gpu")

    def _train_epoch(self) -> None:
        """Train on the remaining windows of the epoch, or until the budget is exhausted."""
        state, windows = self._state, self._rows.windows
        self._reporter.epoch_started(state, self._rate(state.window))
        while state.window < windows and not self._exhausted():
            count = min(self._pace.count, windows - state.window)
            rates = [self._rate(state.window + ahead) for ahead in range(count)]
            step = (state.epoch - 1) * windows + state.window
            with self._pace.of(count):
                loss = self._training.run(state.window, step, rates)
            state.advance(count, loss, self._pace.took)
            self._spend(self._pace.took)
            self._require_convergence(loss / count)
            self._report_and_save()

    def _validate(self) -> None:
        """Validate the weights after an epoch or the part that the budget allowed; record it."""
        state = self._state
        started = time.monotonic()
        mean = self._validation.run(self._report_and_save)
        took = time.monotonic() - started
        self._spend(took)
        self._require_convergence(mean)
        weights = self._model.weights()
        record = EpochRecord(
            epoch=state.epoch,
            train_perplexity=perplexity_of(state.loss / state.window),
            valid_perplexity=perplexity_of(mean),
            learning_rate=self._rate(state.window - 1),
            seconds=state.epoch_seconds,
            words_per_second=state.window * self._rows.words / max(state.epoch_seconds, 1e-9),
            sample=self._run.sample(weights),
        )
        best = state.add(record)
        if best:
            self._best.update(weights)
        self._reporter.epoch_ended(record, best)

    def _report_and_save(self) -> None:
        self._reporter.progressed(self._state)
        self._checkpointer.save_if_due(self._rows.windows)

    def _rate(self, window: int) -> float:
        windows, preset = self._rows.windows, self._preset
        done = ((self._state.epoch - 1) * windows + window) / (windows * preset.epochs)
        return learning_rate(preset, self._state.epoch, done)

    def _require_convergence(self, loss: float) -> None:
        if not loss < _DIVERGED:  # NaN is not less either
            raise DivergedError(
                f"training diverged: the loss became {loss:.4g} in epoch {self._state.epoch}",
                "lower learning_rate or clip_norm; nothing was overwritten",
            )
