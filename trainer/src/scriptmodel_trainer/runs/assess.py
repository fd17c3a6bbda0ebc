"""The third step of the train command: measures a trained network on the text that training holds out."""

from scriptmodel_trainer.artifacts import model_directory
from scriptmodel_trainer.artifacts.model_directory import Origin, TrainedModel
from scriptmodel_trainer.corpus.stream import TokenStream
from scriptmodel_trainer.evaluation.nats_per_character import per_character, validation_of
from scriptmodel_trainer.evaluation.perplexity import score_of, scored
from scriptmodel_trainer.generation.casting import plays_of
from scriptmodel_trainer.judging.copies import KnownSentences, known_sentences
from scriptmodel_trainer.judging.reference import arrays_of, reference_of, stored_figures
from scriptmodel_trainer.model import hardware
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.trigrams import count as count_trigrams
from scriptmodel_trainer.model.verse import lines_of
from scriptmodel_trainer.progress.events import TrigramsMixed, Warned
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.reporting.corpus_summary import summarize
from scriptmodel_trainer.storage.records import (
    CorpusFacts,
    Metrics,
    SplitPerplexity,
    perplexity_of,
)
from scriptmodel_trainer.training.run import Run, TrainingResult


def assess(run: Run, result: TrainingResult, progress: Progress) -> TrainedModel:
    """Score the best weights on the splits that are held out and return the model with its metrics."""
    options, corpus, vocabulary, preset = run.options, run.corpus, run.vocabulary, run.options.preset
    first, tokens = vocabulary.first, {name: len(ids) for name, ids in run.splits.items()}

    network = Network(result.weights, vocabulary.document, cutoff=preset.softmax_cutoff)

    best = run.state.history[run.state.best_epoch - 1]
    trigrams, valid_perplexity = None, best.valid_perplexity
    if corpus.holds_out:
        valid = scored(network, run.splits["valid"], first)
        valid_perplexity = without = perplexity_of(float(valid.losses(None).mean()))
        if preset.trigrams:
            trigrams = valid.fitted(count_trigrams(run.splits["train"], len(vocabulary), first))
            valid_perplexity = perplexity_of(float(valid.losses(trigrams).mean()))
            progress.report(TrigramsMixed(trigrams.share, valid_perplexity, without))
    stream = run.splits["test"]
    test = score_of(vocabulary, stream, scored(network, stream, first).losses(trigrams), _words(corpus, "test"))
    validation = None
    if corpus.holds_out:
        validation = validation_of(valid_perplexity, tokens["valid"], _words(corpus, "valid"), vocabulary)
    base = options.base.record(vocabulary) if options.base else None
    reference = ngrams = None
    if not vocabulary.plain:  # the judge looks for speeches
        sentences = _base_sentences(run, progress)
        reference = reference_of(corpus, sentences)
        ngrams = arrays_of(reference) if reference else known_sentences(corpus, sentences).arrays()
    metrics = Metrics(
        fingerprint=run.fingerprint,
        epochs=tuple(run.state.history),
        perplexity=SplitPerplexity(best.train_perplexity, valid_perplexity, test.perplexity),
        tokens=tokens,
        understood=round(corpus.understood, 5),
        best_epoch=run.state.best_epoch,
        seconds=run.state.seconds,
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
    return TrainedModel(origin, vocabulary, result.weights, metrics, ngrams, trigrams, plays, lines=lines)


def validation_value(run: Run, perplexity: float) -> float | None:
    """Return nats per character of a run's validation text with that perplexity; None if that is infinite."""
    return per_character(perplexity, len(run.splits["valid"]), _words(run.corpus, "valid"), run.vocabulary)


def _words(corpus: TokenStream, split: str) -> list[str]:
    """Return the words of a split as the corpus has them."""
    return [corpus.lexicon[number] for number in corpus.splits[split].tolist()]


def _base_sentences(run: Run, progress: Progress) -> KnownSentences | None:
    """Return the sentences of the base's training text; warn if it does not record them."""
    base = run.options.base
    if base and base.sentences is None:
        text = f"the base model {base.folder} has no sentences of its training text"
        lost = "a script that copies the base's training text is not recognised as a copy: train the base again"
        progress.report(Warned("base-text-unknown", f"{text}; {lost}"))
    return base.sentences if base else None
