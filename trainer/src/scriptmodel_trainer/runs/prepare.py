"""The first step of the train command: reads the corpus and decides what exactly is trained."""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Mapping

from scriptmodel_trainer.artifacts import bases
from scriptmodel_trainer.artifacts.model_directory import LOG, TrainedModel
from scriptmodel_trainer.corpus import layouts, reading, stream
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.requests import check_request
from scriptmodel_trainer.model import hardware
from scriptmodel_trainer.model.presets import Preset
from scriptmodel_trainer.model.spelling import spelled_out
from scriptmodel_trainer.model.vocabulary import Vocabulary, build_vocabulary, with_documents
from scriptmodel_trainer.progress.events import Warned
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.storage.arrays import Ids
from scriptmodel_trainer.storage.records import Choice
from scriptmodel_trainer.training.checkpoints import Checkpoints
from scriptmodel_trainer.training.fine_tuning import vocabulary_after
from scriptmodel_trainer.training.options import TrainOptions
from scriptmodel_trainer.training.run import Run

CHOSEN = "auto: "
"""What the note begins with that names the settings."""


def prepare(
    options: TrainOptions,
    progress: Progress,
    require: Callable[[stream.TokenStream], None] | None = None,
    keep: stream.Keep | None = None,
) -> Run:
    """Read the corpus; returns the run with these options on this machine.

    `require` may refuse the corpus; `keep` is given the events of each file.
    """
    started = time.monotonic()
    layout = layouts.layout_named(options.layout)
    _look_for_gpu(options, progress)
    sources = reading.find_sources(options.data, progress.note)
    corpus = stream.read_corpus(sources, layout, lambda _: None, options.split, keep)
    if require:
        require(corpus)
    for note in corpus.notes:
        progress.note(note)
    options = options.chosen(corpus.splits["train"], corpus.lexicon)
    if options.auto:
        _note_choice(options.auto, progress)
    elif options.minutes is not None and not (options.base and options.base.model.card):
        progress.note(f"--minutes {options.minutes:g} has no effect: auto keeps the settings of the model of --from")
    if options.base and options.base.model.card:
        _compare_languages(options.base.model, corpus, progress)
    if corpus.doubt:
        progress.report(Warned("not_scripts", corpus.doubt))
    vocabulary = _vocabulary(options, corpus)
    if options.request:
        check_request(options.request, vocabulary, progress)
    splits = {
        name: vocabulary.translated(ids, corpus.lexicon, corpus.starts[name]) for name, ids in corpus.splits.items()
    }
    preset, seed, base = options.preset, options.seed, options.base.model.digest if options.base else None
    splits["train"] = spelled_out(splits["train"], vocabulary, preset.subword_discount, seed, options.known_words)
    fingerprint = run_fingerprint(preset, seed, corpus.digest, vocabulary, splits, base)
    log = options.out / LOG if options.state else None  # else it is in the same folder
    store = Checkpoints(options.state or options.out, progress, log)
    return Run(options, corpus, vocabulary, splits, fingerprint, store, started)


def _vocabulary(options: TrainOptions, corpus: stream.TokenStream) -> Vocabulary:
    """Return the vocabulary of the training split, or the base's with what is new."""
    train, lexicon, preset = corpus.splits["train"], corpus.lexicon, options.preset
    if options.base:
        vocabulary = vocabulary_after(options.base.model.vocabulary, train, lexicon, preset)
    else:
        vocabulary = build_vocabulary(train, lexicon, preset.vocabulary_size)
    return with_documents(vocabulary) if preset.document_starts else vocabulary


def _note_choice(choice: Choice, progress: Progress) -> None:
    """Note what `auto` chose, and for what."""
    limit = "no limit of time" if choice.minutes is None else f"{choice.minutes:g} minutes"
    settings = " ".join(f"{key}={json.dumps(value)}" for key, value in choice.settings.items())
    chosen = f"{choice.preset}{settings and f' with {settings}'}"
    progress.note(f"{CHOSEN}{chosen}, for {choice.tokens:,} words and marks to train on and {limit}")


def _compare_languages(base: TrainedModel, corpus: stream.TokenStream, progress: Progress) -> None:
    """Warn that the corpus is in another language than a base, which somebody named all the same."""
    share = bases.share_of(base.vocabulary.words, corpus.splits["train"], corpus.lexicon)
    if share < bases.LEAST and base.card:
        few = f"{share:.0%} of the words are among the commonest of the base {base.card.name} ({base.card.language})"
        progress.report(Warned("other_language", f"{few}: it is in another language; leave it out, or name another"))


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


def run_fingerprint(
    preset: Preset, seed: int, files: str, vocabulary: Vocabulary, splits: Mapping[str, Ids], base: str | None
) -> str:
    """Return the fingerprint of a run: its settings and seed, and the corpus as it is read.

    `files` and `base` are the digests of the corpus and of the base model, if there is one. Another version of a layout
    changes words or numbers. With precision=auto it is that of any machine: a run continues where bfloat16 is not the
    faster one as well.
    """
    words = [vocabulary.words, sorted(vocabulary.speakers), vocabulary.spelled_names, sorted(vocabulary.parts)]
    sizes = [len(ids) for ids in splits.values()]
    digest = hashlib.sha256(json.dumps([dataclasses.asdict(preset), seed, base, files, words, sizes]).encode())
    for ids in splits.values():
        digest.update(ids.tobytes())
    return digest.hexdigest()
