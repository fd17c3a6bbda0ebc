"""The train command: prepare a run, fit the network, assess it, store the model."""

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from scriptmodel_trainer.artifacts import model_directory
from scriptmodel_trainer.artifacts.model_directory import LOG, TrainedModel
from scriptmodel_trainer.corpus.stream import Keep, TokenStream
from scriptmodel_trainer.errors import BadInputError, StoppedError, TrainerError
from scriptmodel_trainer.progress.events import Done, Failed, ModelStored, Warned
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.progress.log import BoundedLog, LoggedProgress
from scriptmodel_trainer.reporting.report import render_report
from scriptmodel_trainer.runs.assess import assess
from scriptmodel_trainer.runs.fit import fit
from scriptmodel_trainer.runs.prepare import prepare
from scriptmodel_trainer.storage.files import locked, locked_file, prepare_folder
from scriptmodel_trainer.training.checkpoints import LOCK, Checkpoint, paths_in
from scriptmodel_trainer.training.options import TrainOptions
from scriptmodel_trainer.training.run import Run
from scriptmodel_trainer.training.stopping import StopSignals


def train(
    options: TrainOptions,
    progress: Progress,
    signals: StopSignals,
    before: Callable[[Run], None] | None = None,
    require: Callable[[TokenStream], None] | None = None,
    keep: Keep | None = None,
) -> TrainedModel | None:
    """Train on a corpus, and store and return the model; None if the very same model is there.

    `require` may refuse the corpus before anything is said of it; `before` may refuse the run.
    `keep` is given the events of each file.
    """
    log = BoundedLog()
    logged = LoggedProgress(progress, log)
    run = prepare(options, logged, require, keep)
    if before:
        before(run)
    with locked(options.out):
        prepare_folder(options.out, (*model_directory.FILES, LOG))
        try:
            return _learn(run, logged, log, signals)
        except (TrainerError, StoppedError) as error:
            logged.report(Failed(error))
            raise
        finally:
            if log.error is not None:
                progress.note(f"{options.out / LOG} is not complete: {log.error.strerror or log.error}")


def _learn(run: Run, progress: Progress, log: BoundedLog, signals: StopSignals) -> TrainedModel | None:
    """Train in a locked folder, assess the network and store the model."""
    out = run.options.out
    with _continued(run, progress, signals) as continued:
        if continued is None:
            return None
        log.open(out / LOG)
        fitted, result = fit(continued, progress, signals)
        try:
            model = assess(fitted, result, progress)
            _store(model, fitted, signals)
        except Exception as error:  # whatever it is, the trained network is not lost: the traceback says so
            error.add_note(signals.hint)
            raise
        progress.report(Done(model.metrics.perplexity.test, time.monotonic() - run.started))
        progress.report(ModelStored(out, out / model_directory.REPORT))
        return model


def _store(model: TrainedModel, run: Run, signals: StopSignals) -> None:
    """Store a model with its report and delete the state of its training, unless a raised budget may continue that."""
    options, page = run.options, render_report(model)
    signals.deferred = True  # a model is stored whole
    model_directory.save_model(options.out, model, page)
    if options.state is None or model.metrics.stopped_by != "budget":
        run.store.remove()


@contextlib.contextmanager
def _continued(run: Run, progress: Progress, signals: StopSignals) -> Iterator[Run | None]:
    """Keep other trainings out of the run's state folder, if it has one; yields the run with what it continues from.

    It is None if the very same run is already done.
    """
    state = run.options.state

    def wait() -> None:
        progress.report(Warned("state-locked", f"another training uses the state in {state}: waiting until it ends"))

    with locked_file(state / LOCK, wait) if state else nullcontext():
        folder = state or run.options.out
        run.store.prepare()
        if paths_in(folder):
            signals.hint = run.store.hint
        yield None if _is_done(run, folder, progress) else replace(run, saved=_saved(run, folder, progress))


def _saved(run: Run, folder: Path, progress: Progress) -> Checkpoint | None:
    """Return the checkpoint to continue from, which counts a restart; that of another run is removed."""
    found = run.store.newest()
    if found and found.fingerprint == run.fingerprint:
        run.store.restore_log()
        found.state.restarts += 1
        run.store.save(found)  # so that an attempt which ends before its first checkpoint counts, too
        return found
    if found:
        progress.note(f"{folder} holds the state of another run, which is replaced")
        run.store.remove()
    return None


def _is_done(run: Run, folder: Path, progress: Progress) -> bool:
    """Return whether the output folder has the finished model of this very run."""
    out = run.options.out
    if paths_in(folder) or not (out / model_directory.MODEL).is_file():
        return False
    try:
        metrics = model_directory.load_model(out).metrics
    except BadInputError:
        return False  # it is replaced
    if metrics.fingerprint != run.fingerprint:
        return False
    if metrics.stopped_by == "budget":
        progress.note(f"the budget of {out} ended its training, and no state is left: training from the start")
        return False
    progress.note(f"{out} is already trained with these settings")
    progress.report(Done(metrics.perplexity.test, 0.0))
    return True
