"""The train command: prepare a run, fit the network, assess it, store the model."""

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

from scriptmodel_trainer.artifacts import model_directory
from scriptmodel_trainer.artifacts.model_directory import CHECKPOINT, LOG, TrainedModel
from scriptmodel_trainer.corpus.stream import TokenStream
from scriptmodel_trainer.errors import BadInputError, StoppedError, TrainerError
from scriptmodel_trainer.progress.events import Done, Failed, ModelStored
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.progress.log import BoundedLog, LoggedProgress
from scriptmodel_trainer.reporting.report import render_report
from scriptmodel_trainer.runs.assess import assess
from scriptmodel_trainer.runs.fit import Attempt, fit
from scriptmodel_trainer.runs.options import TrainOptions
from scriptmodel_trainer.runs.prepare import Run, prepare
from scriptmodel_trainer.storage.files import locked, prepare_folder
from scriptmodel_trainer.training.checkpoints import fingerprint_of
from scriptmodel_trainer.training.stopping import StopSignals
from scriptmodel_trainer.training.stores import CheckpointFile, StateFolder, Store


def train(
    options: TrainOptions,
    progress: Progress,
    signals: StopSignals,
    before: Callable[[Run], Run] | None = None,
    require: Callable[[TokenStream], None] | None = None,
) -> TrainedModel | None:
    """Train on a corpus, and store and return the model; None if the run pauses, or the very same model is there.

    `require` may refuse the corpus before anything is said of it; `before` may change or refuse the run.
    """
    log = BoundedLog()
    logged = LoggedProgress(progress, log)
    run = prepare(options, logged, require)
    run = before(run) if before else run
    with locked(options.out):
        prepare_folder(options.out, (*model_directory.FILES, LOG, CHECKPOINT))
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
    with _attempt(run, progress, signals) as attempt:
        if attempt is None:
            return None
        log.open(out / LOG)
        fitted = fit(attempt, progress, signals)
        if fitted.result.stopped_by == "pause":
            return None
        try:
            model = assess(fitted, progress)
            _store(model, attempt, signals)
        except Exception as error:
            error.add_note(signals.hint)  # a traceback says that the trained network is not lost
            raise
        progress.report(Done(model.metrics.perplexity.test, time.monotonic() - run.started))
        progress.report(ModelStored(out, out / model_directory.REPORT))
        return model


def _store(model: TrainedModel, attempt: Attempt, signals: StopSignals) -> None:
    """Store a model with its report and delete the state of its training, unless a raised budget may continue that."""
    out, page = attempt.run.options.out, render_report(model)
    signals.deferred = True  # a model is stored whole
    model_directory.save_model(out, model, page)
    (out / CHECKPOINT).unlink(missing_ok=True)
    if attempt.state and model.metrics.stopped_by != "budget":
        attempt.state.remove()


@contextlib.contextmanager
def _attempt(run: Run, progress: Progress, signals: StopSignals) -> Iterator[Attempt | None]:
    """Own the run's state folder, if it has one; None if the very same run is already done."""
    folder = run.options.state
    with StateFolder.opened(folder, run.fingerprint, run.effort, progress) if folder else nullcontext() as state:
        resume_from = _resume_from(run, state, progress)
        for store in resume_from or ():
            if store.resumable:
                signals.hint = store.hint
        if state and resume_from is not None:
            state.restore_log(run.options.out / LOG)
        yield None if resume_from is None else Attempt(run, state, resume_from)


def _resume_from(run: Run, state: StateFolder | None, progress: Progress) -> list[Store] | None:
    """Return where to look for a saved state, in this order; None if the very same run is already done."""
    out, resume = run.options.out, run.options.resume
    stores: list[Store] = [state] if state else []
    if run.options.paused:
        for path in filter(Path.exists, (out / CHECKPOINT, run.options.paused)):
            if fingerprint_of(path) == run.fingerprint:
                stores.append(CheckpointFile(path, run.fingerprint, run.options.continuing, planned=True))
            else:
                progress.note(f"{path} is of another corpus or other settings: the run starts from the beginning")
        return stores
    if state and state.resumable:
        return stores
    if (out / CHECKPOINT).exists():
        if resume:
            return [*stores, CheckpointFile(out / CHECKPOINT, run.fingerprint, run.options.continuing)]
        progress.note(f"{out / CHECKPOINT} of an unfinished run is ignored: use --resume to continue it")
    elif resume and (out / model_directory.MODEL).is_file():
        if _is_done(run, progress):
            return None
    elif resume:
        progress.note("no saved state to resume: training from the start")
    return stores


def _is_done(run: Run, progress: Progress) -> bool:
    """Return whether the finished model in the output folder is of this very run; BadInputError if of another."""
    out = run.options.out
    metrics = model_directory.load_model(out).metrics
    if metrics.fingerprint != run.fingerprint:
        raise BadInputError(
            f"{out} holds a model of another corpus, preset, setting or seed, or a version that reads it differently",
            "train without --resume to replace it, or choose another --out",
        )
    if metrics.stopped_by == "budget":
        progress.note(f"the budget of {out} ended its training, and no state is left: training from the start")
        return False
    progress.note(f"{out} is already trained with these settings")
    progress.report(Done(metrics.perplexity.test, 0.0))
    return True
