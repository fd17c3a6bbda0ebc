"""The third step of the train command: measures a trained network on the text that training holds out."""

import time
from collections.abc import Callable

from scriptmodel_trainer.artifacts import model_directory
from scriptmodel_trainer.artifacts.model_directory import Origin, TrainedModel
from scriptmodel_trainer.corpus.stream import TokenStream
from scriptmodel_trainer.evaluation.nats_per_character import per_character, validation_of
from scriptmodel_trainer.evaluation.perplexity import Scored, score_of, scored
from scriptmodel_trainer.generation.casting import plays_of
from scriptmodel_trainer.judging.reference import Reference, arrays_of, reference_of, stored_figures
from scriptmodel_trainer.model import hardware
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.trigrams import count as count_trigrams
from scriptmodel_trainer.model.verse import lines_of
from scriptmodel_trainer.progress.events import Progressed, TrigramsMixed, Warned
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.reporting.corpus_summary import summarize
from scriptmodel_trainer.storage.records import (
    CorpusFacts,
    EpochRecord,
    Metrics,
    SplitPerplexity,
    perplexity_of,
)
from scriptmodel_trainer.training.reporter import REPORT_SECONDS
from scriptmodel_trainer.training.run import Run, TrainingResult


def assess(run: Run, result: TrainingResult, progress: Progress) -> TrainedModel:
    """Score the best weights on the splits that are held out and return the model with its metrics."""
    options, corpus, vocabulary, preset = run.options, run.corpus, run.vocabulary, run.options.preset
    first, tokens = vocabulary.first, {name: len(ids) for name, ids in run.splits.items()}

    network = Network(result.weights, vocabulary.document, cutoff=preset.softmax_cutoff)

    def scored_split(split: str) -> Scored:
        stream = run.splits[split]
        report = while_testing(progress, result.history[-1], len(stream), REPORT_SECONDS)
        return scored(network, stream, first, report=report)

    best = result.history[result.best_epoch - 1]
    trigrams, valid_perplexity = None, best.valid_perplexity
    if corpus.holds_out:
        valid = scored_split("valid")
        valid_perplexity = without = perplexity_of(float(valid.losses(None).mean()))
        if preset.trigrams:
            trigrams = valid.fitted(count_trigrams(run.splits["train"], len(vocabulary), first))
            valid_perplexity = perplexity_of(float(valid.losses(trigrams).mean()))
            progress.report(TrigramsMixed(trigrams.share, valid_perplexity, without))
    test = score_of(vocabulary, run.splits["test"], scored_split("test").losses(trigrams), _words(corpus, "test"))
    validation = None
    if corpus.holds_out:
        validation = validation_of(valid_perplexity, tokens["valid"], _words(corpus, "valid"), vocabulary)
    base = options.base.record(vocabulary) if options.base else None
    reference = None if vocabulary.plain else _reference(run, progress)  # the judge looks for speeches
    metrics = Metrics(
        fingerprint=run.fingerprint,
        epochs=result.history,
        perplexity=SplitPerplexity(best.train_perplexity, valid_perplexity, test.perplexity),
        tokens=tokens,
        understood=round(corpus.understood, 5),
        best_epoch=result.best_epoch,
        seconds=result.seconds,
        validation=validation,
        test=test,
        restarts=run.state.restarts,
        stopped_by=result.stopped_by,
        device=run.device,
        precision=preset.precision,
        base=base,
        auto=options.auto,
        held_out=None if reference is None else stored_figures(reference),
    )
    facts = CorpusFacts(
        digest=corpus.digest,
        layout=options.layout,
        files=len(corpus.tallies),
        layouts=corpus.layouts,
        notes=tuple(corpus.notes),
        summary=summarize(corpus.splits["train"], corpus.lexicon),
        split=corpus.split,
    )
    versions = model_directory.versions(tensorflow=hardware.tensorflow_version())
    origin = Origin(options.preset_name, preset, options.seed, facts, versions, base)
    train, lexicon = corpus.splits["train"], corpus.lexicon
    known = frozenset(lexicon)
    lines = lines_of(train, corpus.lines, lexicon, known)
    plays = plays_of(corpus.plays, frozenset(vocabulary.names), lexicon, known - lines.openings)
    ngrams = arrays_of(reference) if reference else None
    return TrainedModel(origin, vocabulary, result.weights, metrics, ngrams, trigrams, plays, lines=lines)


def validation_value(run: Run, perplexity: float) -> float | None:
    """Return nats per character of a run's validation text with that perplexity; None if that is infinite."""
    return per_character(perplexity, len(run.splits["valid"]), _words(run.corpus, "valid"), run.vocabulary)


def _words(corpus: TokenStream, split: str) -> list[str]:
    """Return the words of a split as the corpus has them."""
    return [corpus.lexicon[number] for number in corpus.splits[split].tolist()]


def _reference(run: Run, progress: Progress) -> Reference | None:
    """Return what the model's scripts are judged by; warn if the base does not record its training text."""
    base = run.options.base
    known = base.reference if base else None
    reference = reference_of(run.corpus, known)
    if reference and base and known is None:
        text = f"the base model {base.folder} has no {model_directory.NGRAMS}: its corpus was too small"
        lost = "a script that copies the base's training text is not recognised as a copy: train the base again"
        progress.report(Warned("base-text-unknown", f"{text}; {lost}"))
    return reference


def while_testing(progress: Progress, last: EpochRecord, total: int, interval: float) -> Callable[[int], None]:
    """Return a function that reports every `interval` seconds, given how many of `total` tokens are scored."""
    started = reported_at = time.monotonic()

    def report(scored: int) -> None:
        nonlocal reported_at
        now = time.monotonic()
        if now - reported_at >= interval:
            reported_at, eta = now, (now - started) * (total - scored) / scored
            progress.report(Progressed(last.epoch, last.epoch, 1.0, last.train_perplexity, last.words_per_second, eta))

    return report
