"""The evaluate command: perplexity of a model on texts."""

import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from scriptmodel_trainer.artifacts.model_directory import TrainedModel, load_model
from scriptmodel_trainer.corpus import layouts, reading, stream
from scriptmodel_trainer.corpus.stream import WholeStream
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.evaluation.perplexity import score_of, scored
from scriptmodel_trainer.model.cache_numpy import Cache, CacheSettings
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.progress.events import Measured, Warned
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.storage.files import finite
from scriptmodel_trainer.storage.records import Score


def evaluate(
    folder: Path, data: Sequence[Path], layout: str, as_json: bool, progress: Progress, with_cache: bool = False
) -> str:
    """Return perplexity of a model on texts, as a line of JSON or as readable text.

    `with_cache` adds the figure with a neural cache.
    """
    model = load_model(folder)
    tokens = read_text(model, data, layout, progress)
    network = model.network()
    if with_cache and network.cache:
        raise BadInputError(f"{folder} was trained with a cache, which all figures include", "leave out --cache")
    result = score(model.vocabulary, network, tokens, progress)
    settings, cached = CacheSettings(), None
    if with_cache:
        cached = score(model.vocabulary, network, tokens, progress, settings)
    if as_json:
        value = msgspec.to_builtins(result)
        if cached is not None:
            value["cache"] = dataclasses.asdict(settings) | msgspec.to_builtins(cached)
        return json.dumps(finite(value))
    lines = [f"Perplexity: {result.perplexity:.3f} ({result.tokens:,} tokens, {result.oov:,} unknown)"]
    lines += [
        f"  {name:<12} {part.perplexity:>12.3f} ({part.tokens:,} tokens)" for name, part in result.by_class.items()
    ]
    if result.nats_per_character is not None:
        lines.append(f"Nats per character: {result.nats_per_character:.3f} (unknown words spelled)")
    if cached is not None:
        lines.append(f"With a cache of the last {settings.window} tokens: {cached.perplexity:.3f}")
    return "\n".join(lines)


def read_text(model: TrainedModel, data: Sequence[Path], layout: str, progress: Progress) -> WholeStream:
    """Return texts in a layout, if the model can read them in it; warn of those that do not look like scripts."""
    sources = reading.find_sources(data, progress.note)
    text = stream.read_whole(sources, layouts.layout_named(_layout_of(model, layout)))
    if text.doubt:
        progress.report(Warned("not_scripts", text.doubt))
    return text


def _layout_of(model: TrainedModel, requested: str) -> str:
    """Return the layout to read texts for a model in: one of the layout `exact` reads no other, other models not it.

    Raises BadInputError if the requested layout is not possible.
    """
    if model.vocabulary.exact and requested in (layouts.AUTO, layouts.EXACT):
        return layouts.EXACT
    if model.vocabulary.exact or requested == layouts.EXACT:
        own = model.origin.corpus.layout
        raise BadInputError(f"the model was trained with layout {own}, not {requested}", f"use --layout {own}")
    return requested


def score(
    vocabulary: Vocabulary, network: Network, text: WholeStream, progress: Progress, cache: Cache | None = None
) -> Score:
    """Return the score of a text by a network with that vocabulary, and report how much of it is scored meanwhile."""
    ids = vocabulary.translated(text.ids, text.lexicon, text.starts)
    words = [text.lexicon[number] for number in text.ids.tolist()]
    started = time.monotonic()

    def report(done: int) -> None:
        speed = done / max(time.monotonic() - started, 1e-6)
        progress.report(Measured(done / len(ids), speed, (len(ids) - done) / speed))

    losses = scored(network, ids, vocabulary.first, cache, report).losses(network.trigrams)
    return score_of(vocabulary, ids, losses, words)
