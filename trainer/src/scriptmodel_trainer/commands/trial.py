"""The trial command: trains one run of a search up to its share of the epochs, and records what came of it.

Pachyderm fails a job when a datum fails, so a run that fails is a result: it is recorded, and the command exits 0. What
would fail all runs, such as a corpus that cannot be read, ends the command as it ends train.

The command itself only watches (`trial_watch`). A process that it starts does the work: it may be killed.
"""

from __future__ import annotations

import argparse
import ctypes
import dataclasses
import os
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from scriptmodel_trainer import artifacts
from scriptmodel_trainer.artifacts import CHECKPOINT, LOG
from scriptmodel_trainer.commands.train import finish
from scriptmodel_trainer.commands.train_assess import validation_value
from scriptmodel_trainer.commands.train_fit import Attempt, fit
from scriptmodel_trainer.commands.train_options import TrainOptions, options_from
from scriptmodel_trainer.commands.train_prepare import Run, prepare
from scriptmodel_trainer.commands.trial_watch import OUT_OF_MEMORY, memory_limits, watch
from scriptmodel_trainer.errors import (
    BadInputError,
    DivergedError,
    ExitCode,
    StoppedError,
    WriteError,
    one_line,
)
from scriptmodel_trainer.progress.events import EpochEnded, Event, TrialEnded
from scriptmodel_trainer.progress.listeners import Progress, progress_for
from scriptmodel_trainer.progress.log import BoundedLog, LoggedProgress
from scriptmodel_trainer.stopping import StopSignals
from scriptmodel_trainer.storage import locked, prepare_folder
from scriptmodel_trainer.training.checkpoints import fingerprint_of
from scriptmodel_trainer.training.state import Effort, Outcome
from scriptmodel_trainer.training.stores import CheckpointFile, PausedFile, StateFolder, Store
from scriptmodel_trainer.training.task import Pause
from scriptmodel_trainer.trials import TRIAL, TrialRecord, TrialSpec, read_spec, write_record

_WORKER = "SCRIPTMODEL_TRIAL_WORKER"  # tells the process that trains who watches it
_PARENT_DEATH = 1  # PR_SET_PDEATHSIG


@dataclass(frozen=True, slots=True)
class Trial:
    """A run that is to be trained: the folder that describes it, named as the run, and where its results go."""

    source: Path
    spec: TrialSpec
    out: Path

    @property
    def name(self) -> str:
        """Name of the run: the number of its trial, and of its repeat if there are several."""
        return self.source.name


def trial_in(parsed: argparse.Namespace) -> Trial:
    """Return the one run below `--trial`; BadInputError unless there is exactly one."""
    with suppress(OSError):
        found = [path for path in sorted(parsed.trial.iterdir()) if (path / TRIAL).exists()]
        if len(found) == 1:
            return Trial(found[0], read_spec(found[0]), parsed.out / found[0].name)
    hint = f"name the folder above that of one run: FOLDER/0001/{TRIAL} is read as --trial FOLDER"
    raise BadInputError(f"{parsed.trial} does not hold exactly one folder with a {TRIAL}", hint)


def trial(parsed: argparse.Namespace, words: Sequence[str], signals: StopSignals) -> int:
    """Train the run that `--trial` describes; returns the exit code of a command that was given these words."""
    subject = trial_in(parsed)
    progress = progress_for(parsed.log, trial=subject.name)
    if watcher := os.environ.get(_WORKER):
        if os.getppid() == int(watcher):
            ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGTERM)
        return _Worker(parsed, subject, progress, signals).work()
    command = [sys.executable, "-m", "scriptmodel_trainer", *words]
    environment = {**os.environ, _WORKER: str(os.getpid())}
    code, record = watch(command, environment, subject.out, subject.spec, signals, memory_limits())
    if record:
        progress.report(_ended_event(subject.name, record))
    return code


def _ended_event(name: str, record: TrialRecord) -> TrialEnded:
    fields = [field.name for field in dataclasses.fields(TrialEnded) if field.name not in ("time", "trial")]
    return TrialEnded(name, **{field: getattr(record, field) for field in fields})


class _Worker(Progress):
    """Trains a run; its record is kept up to date meanwhile, so that a kill leaves what was reached."""

    def __init__(self, parsed: argparse.Namespace, trial: Trial, progress: Progress, signals: StopSignals) -> None:
        self._parsed, self._trial, self._progress, self._signals = parsed, trial, progress, signals
        self._record = msgspec.structs.replace(TrialRecord.of_spec(trial.spec), started=round(time.time(), 3))
        self._outcome, self._effort = Outcome(), Effort()

    def note(self, text: str) -> None:
        """Show a note."""
        self._progress.note(text)

    def report(self, event: Event) -> None:
        """Show an event, and record an epoch."""
        self._progress.report(event)
        if isinstance(event, EpochEnded):
            self._write("failed", "killed")

    def work(self) -> int:
        """Train, and record how that ended; a signal, or what no run could be trained with, is raised."""
        run, out = None, self._trial.out
        with locked(out):
            prepare_folder(out, (*artifacts.FILES, LOG, CHECKPOINT, TRIAL))
            try:
                run = prepare(self._options(), self)
                self._train(run)
            except StoppedError as error:  # the next attempt finds the state without being told
                raise StoppedError(error.code, error.message, error.hint.replace(" with --resume", "")) from error
            except WriteError:
                raise
            except BadInputError as error:
                if run is None and error.parameter not in self._trial.spec.parameters:
                    raise
                self._fail("bad-input", error.line())
            except DivergedError as error:
                self._fail("diverged", error.message)
            except MemoryError:
                self._fail("out-of-memory", OUT_OF_MEMORY)
            except Exception as error:  # as a run that is killed, it is a result
                traceback.print_exc()
                self._fail("error", one_line(f"{type(error).__name__}: {error}"))
        self._progress.report(_ended_event(self._trial.name, self._record))
        return ExitCode.DONE

    def _options(self) -> TrainOptions:
        """Return the options of the command line, with the settings, the seed and the folders of the run."""
        spec, given = self._trial.spec, vars(self._parsed)
        settings = [*given["settings"], *(f"{key}={value}" for key, value in spec.parameters.items())]
        run = given | {"out": self._trial.out, "seed": spec.seed, "settings": settings, "resume": False}
        options = options_from(argparse.Namespace(**run))
        return dataclasses.replace(options, state=options.state and options.state / self._trial.name)

    def _train(self, run: Run) -> None:
        out, total = self._trial.out, run.preset.epochs
        self._record = msgspec.structs.replace(self._record, preset=run.options.preset_name, epochs_total=total)
        log, epochs = BoundedLog(), self._trial.spec.pause_after(total)
        pause = Pause(epochs, CheckpointFile(out / CHECKPOINT, run.fingerprint)) if epochs < total else None
        logged = LoggedProgress(self, log)
        folder = run.options.state
        with StateFolder.opened(folder, run.fingerprint, self._effort, self) if folder else nullcontext() as state:
            if state:
                state.restore_log(out / LOG)
            attempt = Attempt(run, state, self._states(run, state), self._effort, self._outcome, pause)
            log.open(out / LOG)
            try:
                fitted = fit(attempt, logged, self._signals)
                if fitted.result.stopped_by == "pause":
                    (out / LOG).unlink(missing_ok=True)
                    self._write("paused", value_of=run)
                else:
                    model = finish(fitted, attempt, logged, self._signals)
                    self._write("complete", perplexity=model.metrics.perplexity.valid, value_of=run)
            except (BadInputError, DivergedError, MemoryError):
                if state:
                    state.remove()
                raise
            if state:  # the checkpoint in the output is all that continues the run
                state.remove()

    def _states(self, run: Run, state: StateFolder | None) -> list[Store]:
        """Return where to look for the state of this run: where it was interrupted, then where it paused."""
        stores: list[Store] = [state] if state else []
        for path in (self._trial.out / CHECKPOINT, self._trial.source / CHECKPOINT):
            if not path.exists():
                continue
            if fingerprint_of(path) == run.fingerprint:
                stores.append(PausedFile(path, run.fingerprint, self))
            else:
                self.note(f"{path} is of another corpus or other settings: the run starts from the beginning")
        return stores

    def _fail(self, reason: str, message: str) -> None:
        """Record that the run failed, and delete what would continue it."""
        for name in (CHECKPOINT, LOG):
            (self._trial.out / name).unlink(missing_ok=True)
        self._write("failed", reason, message)

    def _write(
        self,
        state: str,
        reason: str = "",
        message: str = "",
        *,
        perplexity: float | None = None,
        value_of: Run | None = None,
    ) -> None:
        """Store the record with what the run has reached by now; a `value_of` it unless it failed."""
        history, best = self._outcome.history, self._outcome.best_epoch
        if perplexity is None and best:
            perplexity = history[best - 1].valid_perplexity
        self._record = msgspec.structs.replace(
            self._record,
            state=state,
            reason=reason,
            message=message,
            epochs=len(history),
            value=validation_value(value_of, perplexity) if value_of and perplexity else None,
            perplexity=perplexity,
            curve=tuple((each.epoch, each.valid_perplexity) for each in history),
            seconds=round(self._effort.seconds, 3),
            gpu_seconds=round(self._effort.gpu_seconds, 3),
            finished=round(time.time(), 3),
        )
        write_record(self._trial.out, self._record)
