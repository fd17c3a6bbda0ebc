"""The train command: reads the corpus, trains, evaluates, stores the model."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scriptmodel_trainer import artifacts, presets
from scriptmodel_trainer.artifacts import CHECKPOINT, LOG, Origin, TrainedModel
from scriptmodel_trainer.characters import per_character
from scriptmodel_trainer.corpus import layouts, reading, stream
from scriptmodel_trainer.corpus.tokens import EOS
from scriptmodel_trainer.errors import BadInputError, TrainerError
from scriptmodel_trainer.evaluation import score
from scriptmodel_trainer.generation.network import Network
from scriptmodel_trainer.generation.sample_lines import sample_line
from scriptmodel_trainer.judging.reference import reference_of, stored_figures
from scriptmodel_trainer.presets import Preset
from scriptmodel_trainer.progress.events import Done, Failed, ModelStored, Progressed, Warned
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.progress.log import BoundedLog, LoggedProgress
from scriptmodel_trainer.records import CorpusFacts, EpochRecord, Metrics, SplitPerplexity
from scriptmodel_trainer.reporting.corpus_summary import summarize
from scriptmodel_trainer.reporting.page import render_report
from scriptmodel_trainer.stopping import StopSignals
from scriptmodel_trainer.storage import locked, prepare_folder
from scriptmodel_trainer.training import hardware
from scriptmodel_trainer.training.fingerprints import Fingerprints, fingerprints_of
from scriptmodel_trainer.training.reporter import REPORT_SECONDS
from scriptmodel_trainer.training.task import TrainingTask
from scriptmodel_trainer.vocabulary import build_vocabulary


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """The train command's options, checked."""

    data: Sequence[Path]
    out: Path
    layout: str
    preset_name: str
    preset: Preset
    seed: int
    resume: bool
    checkpoint_seconds: float


def train(options: TrainOptions, progress: Progress, signals: StopSignals) -> None:
    """Read, train, evaluate, store."""
    started = time.monotonic()
    layout = layouts.layout_named(options.layout)
    sources = reading.find_sources(options.data, progress.note)
    corpus = stream.read_corpus(sources, layout, progress.note)
    log = BoundedLog()
    logged = LoggedProgress(progress, log)
    if corpus.doubt:
        logged.report(Warned("not_scripts", corpus.doubt))
    with locked(options.out):
        prepare_folder(options.out, (*artifacts.FILES, LOG, CHECKPOINT))
        try:
            _learn(options, corpus, logged, log, signals, started)
        except TrainerError as error:
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
    vocabulary = build_vocabulary(corpus.splits["train"], corpus.lexicon, options.preset.vocabulary_size)
    mapping = vocabulary.mapping_from(corpus.lexicon)
    splits = {name: mapping[ids] for name, ids in corpus.splits.items()}
    tokens = {name: len(ids) for name, ids in splits.items()}
    checkpoint = options.out / CHECKPOINT
    requested, preset = options.preset, _for_this_machine(options.preset, options.seed)
    fingerprints = fingerprints_of(requested, preset, options.seed, options.layout, corpus.digest)
    resume = _resumable(options, checkpoint, preset, fingerprints, progress)
    if resume is None:
        return
    log.open(options.out / LOG)
    if options.preset_name in presets.FOR_MUCH and tokens["train"] < presets.MUCH:
        progress.note(
            f"{options.preset_name} with {tokens['train']:,} tokens to train on: tuned-few learns better from so few"
        )
    tensorflow = hardware.load_tensorflow(options.seed)
    if requested.precision == "bfloat16" and not hardware.multiplies_bfloat16():
        progress.note("precision=bfloat16: this processor emulates bfloat16, float32 trains faster here")
    from scriptmodel_trainer.training import loop  # noqa: PLC0415  # it imports TensorFlow

    task = TrainingTask(
        preset_name=options.preset_name,
        preset=preset,
        vocabulary=len(vocabulary),
        train=splits["train"],
        valid=splits["valid"],
        tokens=tokens,
        eos=vocabulary.id_of(EOS),
        seed=options.seed,
        fingerprints=fingerprints,
        processor=hardware.processor(),
        checkpoint=checkpoint,
        checkpoint_seconds=options.checkpoint_seconds,
        sample=sample_line(vocabulary, options.seed),
    )
    result = loop.fit(task, resume, progress, signals)
    report = _while_testing(progress, result.history[-1], REPORT_SECONDS)
    test = score(Network(result.weights), vocabulary, splits["test"], report)
    words = [corpus.lexicon[number] for number in corpus.splits["test"].tolist()]
    test = per_character(test, words, vocabulary)
    best = result.history[result.best_epoch - 1]
    reference = reference_of(corpus)
    metrics = Metrics(
        fingerprint=fingerprints.current,
        epochs=result.history,
        perplexity=SplitPerplexity(best.train_perplexity, best.valid_perplexity, test.perplexity),
        tokens=tokens,
        understood=round(corpus.understood, 5),
        best_epoch=result.best_epoch,
        seconds=result.seconds,
        test=test,
        held_out=None if reference is None else stored_figures(reference.held_out),
    )
    facts = CorpusFacts(
        digest=corpus.digest,
        layout=options.layout,
        files=corpus.files,
        layouts=corpus.layouts,
        notes=tuple(corpus.notes),
        summary=summarize(splits["train"], vocabulary),
    )
    origin = Origin(
        options.preset_name,
        preset,
        options.seed,
        facts,
        artifacts.versions(tensorflow=tensorflow),
    )
    model = TrainedModel(origin, vocabulary, result.weights, metrics, reference)
    page = render_report(model)
    signals.deferred = True  # a model is stored whole
    artifacts.save_model(options.out, model, page)
    checkpoint.unlink(missing_ok=True)
    progress.report(Done(test.perplexity, time.monotonic() - started))
    progress.report(ModelStored(options.out, options.out / artifacts.REPORT))


def _while_testing(progress: Progress, last: EpochRecord, interval: float) -> Callable[[float], None]:
    """Return a function that reports every `interval` seconds, given the share of the test split that is scored."""
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


def _resumable(
    options: TrainOptions, checkpoint: Path, preset: Preset, fingerprints: Fingerprints, progress: Progress
) -> bool | None:
    """Return whether to resume from the checkpoint; None if the very same run is already done."""
    if checkpoint.exists():
        if not options.resume:
            progress.note(f"{checkpoint} of an unfinished run is ignored: use --resume to continue it")
        return options.resume
    if not options.resume:
        return False
    if (options.out / artifacts.MODEL).is_file():
        model = artifacts.load_model(options.out, whole=True)
        same = fingerprints.accepts(model.metrics.fingerprint)
        if same and model.origin.preset.precision == preset.precision:
            progress.note(f"{options.out} is already trained with these settings")
            progress.report(Done(model.metrics.test_perplexity, 0.0))
            return None
        raise BadInputError(
            f"{options.out} holds a model of another corpus, preset, setting, seed or precision",
            "train without --resume to replace it, or choose another --out",
        )
    progress.note("no saved state to resume: training from the start")
    return False


def settings_from(name: str, settings: Sequence[str], epochs: int | None) -> Preset:
    """Return the preset with the overrides of `--set key=value ...` and `--epochs`."""
    overrides = {}
    for setting in settings:
        key, separator, value = setting.partition("=")
        if not separator:
            raise BadInputError(f"--set {setting!r} is not key=value", parameter="set")
        overrides[key.strip()] = value.strip()
    if epochs is not None:
        overrides["epochs"] = str(epochs)
    return presets.with_overrides(presets.preset_named(name), overrides)
