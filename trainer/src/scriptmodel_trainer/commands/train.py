"""The train command: prepare a run, fit the network, assess it, store the model."""

from __future__ import annotations

import dataclasses
import time
from contextlib import AbstractContextManager, nullcontext

from scriptmodel_trainer import artifacts, presets
from scriptmodel_trainer.artifacts import CHECKPOINT, LOG
from scriptmodel_trainer.commands.train_assess import Fitted, assess
from scriptmodel_trainer.commands.train_options import TrainOptions
from scriptmodel_trainer.commands.train_prepare import Run, prepare
from scriptmodel_trainer.errors import BadInputError, StoppedError, TrainerError
from scriptmodel_trainer.generation.sample_lines import sample_line
from scriptmodel_trainer.progress.events import Done, Failed, ModelStored
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.progress.log import BoundedLog, LoggedProgress
from scriptmodel_trainer.reporting.page import render_report
from scriptmodel_trainer.stopping import StopSignals
from scriptmodel_trainer.storage import locked, prepare_folder
from scriptmodel_trainer.training import hardware
from scriptmodel_trainer.training.base import weights_after
from scriptmodel_trainer.training.discounting import discount_of
from scriptmodel_trainer.training.letter_ngrams import letter_ngrams_of
from scriptmodel_trainer.training.state import Effort
from scriptmodel_trainer.training.stores import CheckpointFile, StateFolder, Store
from scriptmodel_trainer.training.task import TrainingTask
from scriptmodel_trainer.training.unseen import without_unseen


def train(options: TrainOptions, progress: Progress, signals: StopSignals) -> None:
    """Train on a corpus and store the model, unless the very same model is there already."""
    started = time.monotonic()
    log = BoundedLog()
    logged = LoggedProgress(progress, log)
    run = prepare(options, logged)
    with locked(options.out):
        prepare_folder(options.out, (*artifacts.FILES, LOG, CHECKPOINT))
        try:
            _learn(run, logged, log, signals, started)
        except (TrainerError, StoppedError) as error:
            logged.report(Failed(error))
            raise
        finally:
            if log.error is not None:
                progress.note(f"{options.out / LOG} is not complete: {log.error.strerror or log.error}")


def _learn(run: Run, progress: Progress, log: BoundedLog, signals: StopSignals, started: float) -> None:
    """Train in a locked folder; `started` is when the command started."""
    out, effort = run.options.out, Effort()
    with _state_folder(run, effort, progress) as state:
        resume_from = _resume_from(run, state, progress)
        if resume_from is None:
            return
        if state:
            state.restore_log(out / LOG)
        log.open(out / LOG)
        fitted = fit(run, state, resume_from, effort, progress, signals)
        model = assess(fitted, progress)
        page = render_report(model)
        signals.deferred = True  # a model is stored whole
        artifacts.save_model(out, model, page)
        (out / CHECKPOINT).unlink(missing_ok=True)
        if state and fitted.result.ending.by != "budget":  # a raised budget continues
            state.remove()
    progress.report(Done(model.metrics.perplexity.test, time.monotonic() - started))
    progress.report(ModelStored(out, out / artifacts.REPORT))


def fit(
    run: Run,
    state: StateFolder | None,
    resume_from: list[Store],
    effort: Effort,
    progress: Progress,
    signals: StopSignals,
) -> Fitted:
    """Train the network of a run, from its newest state in `resume_from`; `effort` counts what that takes."""
    options, vocabulary, preset, base = run.options, run.vocabulary, run.preset, run.options.base
    words = run.splits["train"]
    tensorflow = hardware.load_tensorflow(options.seed)
    _advise(run, progress)
    from scriptmodel_trainer.training import loop  # noqa: PLC0415  # it imports TensorFlow

    discount = discount_of(preset.unknown_discount, vocabulary, words, options.known_words)
    task = TrainingTask(
        preset_name=options.preset_name,
        preset=preset,
        vocabulary=len(vocabulary),
        train=words,
        valid=run.splits["valid"],
        tokens={name: len(ids) for name, ids in run.splits.items()},
        first=vocabulary.first,
        document=vocabulary.document,
        seed=options.seed,
        fingerprint=run.fingerprint,
        processor=hardware.processor(),
        store=state or CheckpointFile(options.out / CHECKPOINT, run.fingerprint),
        checkpoint_seconds=options.checkpoint_seconds,
        sample=sample_line(vocabulary, options.seed),
        resume_from=resume_from,
        start=weights_after(base.model, vocabulary, words, discount) if base else None,
        budget=options.budget,
        effort=effort,
        discount=discount,
        letter_ngrams=letter_ngrams_of(vocabulary.words, preset.letter_ngrams, preset.optimizer),
        device=hardware.device(),
        gpu_requested=options.gpu_requested,
    )
    result = loop.fit(task, progress, signals)
    if vocabulary.spells:
        read = base.model.weights["embedding"] if base else None
        result = dataclasses.replace(result, weights=without_unseen(result.weights, words, read))
    return Fitted(run, task, result, tensorflow)


def _advise(run: Run, progress: Progress) -> None:
    """Note where another preset or precision would do better."""
    name, preset, tokens = run.options.preset_name, run.options.preset, len(run.splits["train"])
    if name in presets.FOR_MUCH and tokens < presets.MUCH:
        progress.note(f"{name} with {tokens:,} tokens to train on: tuned-few learns better from so few")
    if preset.weight_decay and preset.optimizer == "sgd":
        progress.note("weight_decay has no effect with optimizer=sgd")
    if preset.precision == "bfloat16" and not hardware.multiplies_bfloat16():
        progress.note("precision=bfloat16: this processor emulates bfloat16, float32 trains faster here")


def _state_folder(run: Run, effort: Effort, progress: Progress) -> AbstractContextManager[StateFolder | None]:
    folder = run.options.state
    return nullcontext() if folder is None else StateFolder.opened(folder, run.fingerprint, effort, progress)


def _resume_from(run: Run, state: StateFolder | None, progress: Progress) -> list[Store] | None:
    """Return where to look for a saved state, in this order; None if the very same run is already done."""
    out, resume = run.options.out, run.options.resume
    stores: list[Store] = [state] if state else []
    if state and state.resumable:
        return stores
    if (out / CHECKPOINT).exists():
        if resume:
            return [*stores, CheckpointFile(out / CHECKPOINT, run.fingerprint)]
        progress.note(f"{out / CHECKPOINT} of an unfinished run is ignored: use --resume to continue it")
    elif resume and (out / artifacts.MODEL).is_file():
        if _is_done(run, progress):
            return None
    elif resume:
        progress.note("no saved state to resume: training from the start")
    return stores


def _is_done(run: Run, progress: Progress) -> bool:
    """Return whether the finished model in the output folder is of this very run; BadInputError if of another."""
    out = run.options.out
    metrics = artifacts.load_model(out).metrics
    if metrics.fingerprint != run.fingerprint:
        raise BadInputError(
            f"{out} holds a model of another corpus, preset, setting, seed or precision",
            "train without --resume to replace it, or choose another --out",
        )
    if metrics.stopped_by == "budget":
        progress.note(f"the budget of {out} ended its training, and no state is left: training from the start")
        return False
    progress.note(f"{out} is already trained with these settings")
    progress.report(Done(metrics.perplexity.test, 0.0))
    return True
