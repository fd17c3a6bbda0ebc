"""The trial command: trains one run of a search, and records what came of it.

Pachyderm fails a job when a datum fails, so a run that fails is a result: it is recorded, and the command exits 0. What
would fail all runs, such as a corpus that cannot be read, ends the command as it ends train.

The command itself only watches (`runs/watch.py`). A process that it starts does the work: it may be killed.
"""

import argparse
import ctypes
import dataclasses
import math
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from scriptmodel_trainer.artifacts.model_directory import LOG
from scriptmodel_trainer.artifacts.trials import TRIAL, Reason, State, TrialRecord, TrialSpec, read, write_records
from scriptmodel_trainer.commands.train import train
from scriptmodel_trainer.errors import BadInputError, DivergedError, ExitCode, WriteError, one_line
from scriptmodel_trainer.progress.events import EpochEnded, ProgressEvent, TrialEnded
from scriptmodel_trainer.progress.listeners import Progress, progress_for
from scriptmodel_trainer.runs.assess import validation_value
from scriptmodel_trainer.runs.prepare import prepare
from scriptmodel_trainer.runs.watch import OUT_OF_MEMORY, watch
from scriptmodel_trainer.training.checkpoints import Checkpoints
from scriptmodel_trainer.training.options import TrainOptions, options_from
from scriptmodel_trainer.training.run import Run
from scriptmodel_trainer.training.stopping import StopSignals

_WORKER = "SCRIPTMODEL_TRIAL_WORKER"  # tells the process that trains who watches it
_PARENT_DEATH = 1  # PR_SET_PDEATHSIG


def trial(parsed: argparse.Namespace, words: Sequence[str], signals: StopSignals) -> int:
    """Train the run that `--trial` describes; returns the exit code of a command that was given these words."""
    found = [path.parent for path in parsed.trial.glob(f"*/{TRIAL}")]
    if len(found) != 1:
        hint = f"name the folder above that of one run: FOLDER/0001/{TRIAL} is read as --trial FOLDER"
        raise BadInputError(f"{parsed.trial} does not hold exactly one folder with a {TRIAL}", hint)
    source = found[0]
    spec, out, progress = read(source, TrialSpec), parsed.out / source.name, progress_for(parsed.log, trial=source.name)
    if watcher := os.environ.get(_WORKER):
        if os.getppid() == int(watcher):
            ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGTERM)
        _Worker(source, spec, out, progress).work(parsed, signals)
        return ExitCode.DONE
    os.environ[_WORKER] = str(os.getpid())
    code = watch([sys.executable, "-m", "scriptmodel_trainer", *words], out, spec, signals)
    if code == ExitCode.DONE:
        figures = msgspec.structs.asdict(read(out, TrialRecord))
        del figures["curve"]  # other events have its values
        progress.report(TrialEnded(source.name, figures))
    return code


class _Worker(Progress):
    """Trains a run; its record is kept up to date meanwhile, so that a kill leaves what was reached."""

    def __init__(self, source: Path, spec: TrialSpec, out: Path, progress: Progress) -> None:
        self._source, self._spec, self._out, self._progress = source, spec, out, progress
        self._run: Run | None = None

    def note(self, text: str) -> None:
        """Show a note."""
        self._progress.note(text)

    def report(self, event: ProgressEvent) -> None:
        """Show an event, and record an epoch."""
        self._progress.report(event)
        if isinstance(event, EpochEnded):
            self._write("failed", ("killed", ""))

    def work(self, parsed: argparse.Namespace, signals: StopSignals) -> None:
        """Train, and record how that ended; a signal, or what no run could be trained with, is raised."""
        failure: tuple[Reason, str] | None = None
        try:
            train(self._options(parsed, self._spec.parameters), self, signals, self._begin)
        except (WriteError, OSError):
            raise
        except BadInputError as error:
            if self._run is None:
                prepare(self._options(parsed, {}), self)  # raises what no run could be trained with
            failure = "bad-input", error.line()
        except DivergedError as error:
            failure = "diverged", error.message
        except MemoryError:
            failure = "out-of-memory", OUT_OF_MEMORY
        except Exception as error:  # as a run that is killed, it is a result
            traceback.print_exc()
            failure = "error", one_line(f"{type(error).__name__}: {error}")
        if failure:
            (self._out / LOG).unlink(missing_ok=True)  # it is that of a model
        self._write("failed" if failure else "complete", failure or ("", ""))
        self._remove_states()

    def _options(self, parsed: argparse.Namespace, parameters: Mapping[str, str]) -> TrainOptions:
        """Return the options of the command line, with these parameters, the seed and the folders of the run."""
        spec, given = self._spec, vars(parsed)
        settings = [*given["settings"], *(f"{key}={value}" for key, value in parameters.items())]
        run = given | {"out": self._out, "seed": spec.seed, "settings": settings}
        options = options_from(argparse.Namespace(**run))
        state = options.state and options.state / self._source.name
        return dataclasses.replace(options, state=state)

    def _begin(self, run: Run) -> None:
        """Keep what is trained, once the corpus is read."""
        self._run = run

    def _remove_states(self) -> None:
        """Remove the states of a run that has ended: what continues one that paused is in its output."""
        if run := self._run:
            for folder in filter(None, (run.options.state, self._out)):
                Checkpoints(folder, self).remove()

    def _write(self, state: State, failure: tuple[Reason, str]) -> None:
        """Store the record with what the run has reached by now."""
        reached: dict[str, Any] = {}
        if run := self._run:
            history, best = run.state.history, run.state.best_epoch
            perplexity = history[best - 1].valid_perplexity if best else math.inf
            reached = {
                "epochs": len(history),
                "epochs_total": run.options.preset.epochs,
                "value": math.inf if state == "failed" else validation_value(run, perplexity) or math.inf,
                "perplexity": perplexity,
                "curve": tuple((each.epoch, each.valid_perplexity) for each in history),
                "seconds": round(run.state.seconds, 3),
                "gpu_seconds": round(run.state.gpu_seconds, 3),
            }
        known = msgspec.structs.asdict(self._spec) | reached
        write_records(self._out / TRIAL, TrialRecord(**known, state=state, reason=failure[0], message=failure[1]))
