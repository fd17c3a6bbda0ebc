"""The train command: reads the corpus, trains, evaluates, stores the model."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from scriptmodel_trainer import artifacts, presets
from scriptmodel_trainer.arrays import Ids
from scriptmodel_trainer.artifacts import CHECKPOINT, LOG, Origin, TrainedModel
from scriptmodel_trainer.characters import per_character, validation_of
from scriptmodel_trainer.commands.train_options import TrainOptions
from scriptmodel_trainer.corpus import layouts, reading, stream
from scriptmodel_trainer.corpus.exact import BYTES, NEWLINE
from scriptmodel_trainer.corpus.layouts import EXACT
from scriptmodel_trainer.corpus.tokens import UNKNOWN
from scriptmodel_trainer.errors import BadInputError, StoppedError, TrainerError
from scriptmodel_trainer.evaluation import score_of
from scriptmodel_trainer.generation.sample_lines import sample_line
from scriptmodel_trainer.judging.reference import Reference, reference_of, stored_figures
from scriptmodel_trainer.presets import Preset
from scriptmodel_trainer.progress.events import Done, Failed, ModelStored, Progressed, TrigramsMixed, Warned
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.progress.log import BoundedLog, LoggedProgress
from scriptmodel_trainer.records import (
    Choice,
    CorpusFacts,
    CorpusSummary,
    EpochRecord,
    Metrics,
    SplitPerplexity,
    Validation,
    perplexity_of,
)
from scriptmodel_trainer.reporting.corpus_summary import summarize
from scriptmodel_trainer.reporting.page import render_report
from scriptmodel_trainer.stopping import StopSignals
from scriptmodel_trainer.storage import locked, prepare_folder
from scriptmodel_trainer.training import hardware
from scriptmodel_trainer.training.base import vocabulary_after, weights_after
from scriptmodel_trainer.training.discounting import discount_of, spelled_out
from scriptmodel_trainer.training.fingerprints import run_fingerprint
from scriptmodel_trainer.training.letter_ngrams import letter_ngrams_of
from scriptmodel_trainer.training.reporter import REPORT_SECONDS
from scriptmodel_trainer.training.state import Effort
from scriptmodel_trainer.training.stores import CheckpointFile, StateFolder, Store
from scriptmodel_trainer.training.task import TrainingResult, TrainingTask
from scriptmodel_trainer.training.unseen import without_unseen
from scriptmodel_trainer.trigrams import count as count_trigrams
from scriptmodel_trainer.vocabulary import (
    Vocabulary,
    build_exact_vocabulary,
    build_open_vocabulary,
    build_vocabulary,
    speakers_of,
    with_documents,
    with_names,
)


def train(options: TrainOptions, progress: Progress, signals: StopSignals) -> None:
    """Read, train, evaluate, store."""
    started = time.monotonic()
    layout = layouts.layout_named(options.layout)
    log = BoundedLog()
    logged = LoggedProgress(progress, log)
    _look_for_gpu(options, logged)
    sources = reading.find_sources(options.data, progress.note)
    corpus = stream.read_corpus(sources, layout, progress.note, options.split)
    options = options.chosen(len(corpus.splits["train"]))
    if options.auto:
        _note_choice(options.auto, progress)
    elif options.minutes is not None:
        progress.note(f"--minutes {options.minutes:g} has no effect: auto keeps the settings of the model of --from")
    if corpus.doubt:
        logged.report(Warned("not_scripts", corpus.doubt))
    with locked(options.out):
        prepare_folder(options.out, (*artifacts.FILES, LOG, CHECKPOINT))
        try:
            _learn(options, corpus, logged, log, signals, started)
        except (TrainerError, StoppedError) as error:
            logged.report(Failed(error))
            raise
        finally:
            if log.error is not None:
                progress.note(f"{options.out / LOG} is not complete: {log.error.strerror or log.error}")


def _learn(
    options: TrainOptions,
    corpus: stream.TokenStream,
    progress: Progress,
    log: BoundedLog,
    signals: StopSignals,
    started: float,
) -> None:
    """Train on the corpus and store the model, in a locked folder; `started` is when the command started."""
    base, vocabulary = options.base, _vocabulary(options, corpus)
    splits = {
        name: vocabulary.translated(ids, corpus.lexicon, corpus.starts[name]) for name, ids in corpus.splits.items()
    }
    known = len(base.model.vocabulary) if base else 0
    splits["train"] = spelled_out(splits["train"], vocabulary, options.preset.subword_discount, options.seed, known)
    preset = _for_this_machine(options.preset, options.seed)
    fingerprint = run_fingerprint(
        preset, options.seed, options.layout, corpus.digest, base.digest if base else None, corpus.split
    )
    effort = Effort()
    with _state_folder(options, fingerprint, effort, progress) as state:
        resume_from = _resume_from(options, state, fingerprint, progress)
        if resume_from is None:
            return
        if state:
            state.restore_log(options.out / LOG)
        log.open(options.out / LOG)
        tensorflow = hardware.load_tensorflow(options.seed)
        _advise(options, len(splits["train"]), progress)
        from scriptmodel_trainer.training import loop  # noqa: PLC0415  # it imports TensorFlow

        discount = discount_of(preset.unknown_discount, vocabulary, splits["train"], known)
        task = TrainingTask(
            preset_name=options.preset_name,
            preset=preset,
            vocabulary=len(vocabulary),
            train=splits["train"],
            valid=splits["valid"],
            tokens={name: len(ids) for name, ids in splits.items()},
            first=vocabulary.first,
            document=vocabulary.document,
            seed=options.seed,
            fingerprint=fingerprint,
            processor=hardware.processor(),
            store=state or CheckpointFile(options.out / CHECKPOINT, fingerprint),
            checkpoint_seconds=options.checkpoint_seconds,
            sample=sample_line(vocabulary, options.seed),
            resume_from=resume_from,
            start=weights_after(base.model, vocabulary, splits["train"], discount) if base else None,
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
            result = dataclasses.replace(result, weights=without_unseen(result.weights, splits["train"], read))
        model = _evaluated(options, corpus, vocabulary, splits, task, result, tensorflow, progress)
        page = render_report(model)
        signals.deferred = True  # a model is stored whole
        artifacts.save_model(options.out, model, page)
        (options.out / CHECKPOINT).unlink(missing_ok=True)
        if state and result.ending.by != "budget":  # a raised budget continues
            state.remove()
    progress.report(Done(model.metrics.perplexity.test, time.monotonic() - started))
    progress.report(ModelStored(options.out, options.out / artifacts.REPORT))


def _vocabulary(options: TrainOptions, corpus: stream.TokenStream) -> Vocabulary:
    """Return the vocabulary of the training split, or the base's with what is new."""
    train, lexicon, preset = corpus.splits["train"], corpus.lexicon, options.preset
    if options.base:
        vocabulary = vocabulary_after(options.base.model.vocabulary, train, lexicon, preset)
    elif options.layout == EXACT:
        vocabulary = build_exact_vocabulary(train, lexicon, preset.vocabulary_size)
    else:
        build = build_open_vocabulary if preset.subwords else build_vocabulary
        vocabulary = build(train, lexicon, preset.vocabulary_size)
    if vocabulary.exact != (options.layout == EXACT):
        message = f"the corpus has the words {NEWLINE} and {BYTES[0]}, by which the layout exact is known"
        raise BadInputError(message, "use --layout exact, or remove one of them from the scripts")
    return with_documents(vocabulary) if preset.document_starts else vocabulary


def _evaluated(
    options: TrainOptions,
    corpus: stream.TokenStream,
    vocabulary: Vocabulary,
    splits: Mapping[str, Ids],
    task: TrainingTask,
    result: TrainingResult,
    tensorflow: str,
    progress: Progress,
) -> TrainedModel:
    """Score the best weights on the test split and return the model with its metrics."""
    from scriptmodel_trainer.training import scoring  # noqa: PLC0415  # it imports TensorFlow

    def scored(split: str) -> scoring.Scored:
        report = _while_testing(progress, result.history[-1], REPORT_SECONDS)
        return scoring.scored(task.preset, result.weights, splits[split], task.first, report, vocabulary.document)

    best, effort = result.history[result.best_epoch - 1], task.effort
    trigrams, valid_perplexity = None, best.valid_perplexity
    if task.preset.trigrams and corpus.holds_out:
        valid = scored("valid")
        trigrams = valid.fitted(count_trigrams(task.train, len(vocabulary), task.first))
        valid_perplexity = perplexity_of(float(valid.losses(trigrams).mean()))
        progress.report(TrigramsMixed(trigrams.share, valid_perplexity, best.valid_perplexity))
    losses = scored("test").losses(trigrams)
    test = score_of(vocabulary, splits["test"], losses)
    test = per_character(test, _words(corpus, "test"), vocabulary)
    base = options.base.record(vocabulary) if options.base else None
    reference = None if vocabulary.exact else _reference(options, corpus, progress)  # the judge looks for speeches
    metrics = Metrics(
        fingerprint=task.fingerprint,
        epochs=result.history,
        perplexity=SplitPerplexity(best.train_perplexity, valid_perplexity, test.perplexity),
        tokens=task.tokens,
        understood=round(corpus.understood, 5),
        best_epoch=result.best_epoch,
        seconds=result.seconds,
        validation=_validation(valid_perplexity, task.tokens["valid"], corpus, vocabulary),
        test=test,
        restarts=effort.restarts,
        recomputed_seconds=round(effort.recomputed_seconds, 1),
        stopped_by=result.ending.by,
        budget=result.ending.budget,
        device=task.device,
        precision=task.preset.precision,
        base=base,
        auto=options.auto,
        held_out=None if reference is None else stored_figures(reference.held_out),
    )
    facts = CorpusFacts(
        digest=corpus.digest,
        layout=options.layout,
        files=corpus.files,
        layouts=corpus.layouts,
        notes=tuple(corpus.notes),
        summary=_summary(corpus, splits["train"], vocabulary),
        split=corpus.split,
    )
    versions = artifacts.versions(tensorflow=tensorflow)
    origin = Origin(options.preset_name, task.preset, options.seed, facts, versions, base)
    return TrainedModel(origin, vocabulary, result.weights, metrics, reference, trigrams)


def _summary(corpus: stream.TokenStream, train: Ids, vocabulary: Vocabulary) -> CorpusSummary:
    """Return the training split in numbers; whole words are counted where sub-words spell them."""
    if not vocabulary.spells:
        return summarize(train, vocabulary)
    train = corpus.splits["train"]
    words = tuple(dict.fromkeys((*corpus.lexicon, UNKNOWN)))
    return summarize(train, with_names(words, speakers_of(train, corpus.lexicon)))


def _note_choice(choice: Choice, progress: Progress) -> None:
    """Note what `auto` chose, and for what."""
    limit = "no limit of time" if choice.minutes is None else f"{choice.minutes:g} minutes"
    settings = " ".join(f"{key}={json.dumps(value)}" for key, value in choice.settings.items())
    chosen = f"preset {choice.preset}{settings and f' with {settings}'}"
    progress.note(f"auto: {chosen}, for {choice.tokens:,} tokens to train on and {limit}")


def _validation(perplexity: float, count: int, corpus: stream.TokenStream, vocabulary: Vocabulary) -> Validation | None:
    """Return what models are compared by; None if the corpus is too small to hold out text."""
    if not corpus.holds_out:
        return None
    return validation_of(perplexity, count, _words(corpus, "valid"), vocabulary)


def _words(corpus: stream.TokenStream, split: str) -> list[str]:
    """Return the words of a split as the corpus has them, unknown ones too."""
    return [corpus.lexicon[number] for number in corpus.splits[split].tolist()]


def _reference(options: TrainOptions, corpus: stream.TokenStream, progress: Progress) -> Reference | None:
    """Return what the model's scripts are judged by; warn if the base does not record its training text."""
    base = options.base.model.reference if options.base else None
    reference = reference_of(corpus, base)
    if reference and options.base and base is None:
        text = f"the base model {options.base.folder} has no {artifacts.NGRAMS}: its corpus was too small"
        lost = "a script that copies the base's training text is not recognised as a copy: train the base again"
        progress.report(Warned("base-text-unknown", f"{text}; {lost}"))
    return reference


def _look_for_gpu(options: TrainOptions, progress: Progress) -> None:
    """Warn early if a GPU was requested and TensorFlow sees none; BadInputError if one is required."""
    if not options.gpu_requested:
        return
    hardware.load_tensorflow(options.seed)
    if hardware.gpus():
        return
    message = "a GPU was requested, but TensorFlow sees none"
    hint = "check the node's driver, and that the image is the GPU variant"
    if options.gpu_required:
        raise BadInputError(message, hint)
    progress.report(Warned("no-gpu", f"{message}: training uses the CPU; {hint}"))


def _advise(options: TrainOptions, tokens: int, progress: Progress) -> None:
    """Note where another preset or precision would do better; `tokens` are those of the training split."""
    if options.preset_name in presets.FOR_MUCH and tokens < presets.MUCH:
        progress.note(f"{options.preset_name} with {tokens:,} tokens to train on: tuned-few learns better from so few")
    if options.preset.weight_decay and options.preset.optimizer == "sgd":
        progress.note("weight_decay has no effect with optimizer=sgd")
    if options.preset.precision == "bfloat16" and not hardware.multiplies_bfloat16():
        progress.note("precision=bfloat16: this processor emulates bfloat16, float32 trains faster here")


def _state_folder(
    options: TrainOptions, fingerprint: str, effort: Effort, progress: Progress
) -> AbstractContextManager[StateFolder | None]:
    if options.state is None:
        return nullcontext()
    return StateFolder.opened(options.state, fingerprint, effort, progress)


def _while_testing(progress: Progress, last: EpochRecord, interval: float) -> Callable[[float], None]:
    """Return a function that reports every `interval` seconds, given the share of a split that is scored."""
    started = reported_at = time.monotonic()

    def report(share: float) -> None:
        nonlocal reported_at
        now = time.monotonic()
        if now - reported_at >= interval:
            reported_at, eta = now, (now - started) * (1 - share) / share
            progress.report(Progressed(last.epoch, last.epoch, 1.0, last.train_perplexity, last.words_per_second, eta))

    return report


def _for_this_machine(preset: Preset, seed: int) -> Preset:
    """Replace precision=auto by the one that is faster on this machine; only that needs TensorFlow."""
    if preset.precision != "auto":
        return preset
    hardware.load_tensorflow(seed)
    return dataclasses.replace(preset, precision="bfloat16" if hardware.multiplies_bfloat16() else "float32")


def _resume_from(
    options: TrainOptions, state: StateFolder | None, fingerprint: str, progress: Progress
) -> Sequence[Store] | None:
    """Return where to look for a saved state, in this order; None if the very same run is already done."""
    stores: list[Store] = [state] if state else []
    checkpoint = options.out / CHECKPOINT
    if state and state.resumable:
        return stores
    if checkpoint.exists():
        if options.resume:
            return [*stores, CheckpointFile(checkpoint, fingerprint)]
        progress.note(f"{checkpoint} of an unfinished run is ignored: use --resume to continue it")
    elif options.resume and (options.out / artifacts.MODEL).is_file():
        if _is_done(options, fingerprint, progress):
            return None
    elif options.resume:
        progress.note("no saved state to resume: training from the start")
    return stores


def _is_done(options: TrainOptions, fingerprint: str, progress: Progress) -> bool:
    """Return whether the finished model in the output folder is of this very run; BadInputError if of another."""
    model = artifacts.load_model(options.out)
    if model.metrics.fingerprint != fingerprint:
        raise BadInputError(
            f"{options.out} holds a model of another corpus, preset, setting, seed or precision",
            "train without --resume to replace it, or choose another --out",
        )
    if model.metrics.stopped_by == "budget":
        progress.note(f"the budget of {options.out} ended its training, and no state is left: training from the start")
        return False
    progress.note(f"{options.out} is already trained with these settings")
    progress.report(Done(model.metrics.perplexity.test, 0.0))
    return True
