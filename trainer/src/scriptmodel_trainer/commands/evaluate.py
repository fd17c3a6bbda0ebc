"""The evaluate command: perplexity of a model on texts."""

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
from scriptmodel_trainer.model.network_numpy import Network
from scriptmodel_trainer.model.vocabulary import Vocabulary
from scriptmodel_trainer.progress.events import Measured, Warned
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.storage.files import finite
from scriptmodel_trainer.storage.records import Score


def evaluate(folder: Path, data: Sequence[Path], layout: str, as_json: bool, progress: Progress) -> str:
    """Return perplexity of a model on texts, as a line of JSON or as readable text."""
    model = load_model(folder)
    result = score(model.vocabulary, model.network(), read_text(model, data, layout, progress), progress)
    if as_json:
        return json.dumps(finite(msgspec.to_builtins(result)))
    lines = [f"Perplexity: {result.perplexity:.3f} ({result.tokens:,} tokens)"]
    if result.nats_per_character is not None:
        lines.append(f"Nats per character: {result.nats_per_character:.3f}")
    return "\n".join(lines)


def read_text(model: TrainedModel, data: Sequence[Path], layout: str, progress: Progress) -> WholeStream:
    """Return texts in a layout, if the model can read them in it; warn of those that do not look like scripts."""
    sources = reading.find_sources(data, progress.note)
    text = stream.read_whole(sources, layouts.layout_named(_layout_of(model, layout)))
    if text.doubt:
        progress.report(Warned("not_scripts", text.doubt))
    return text


def _layout_of(model: TrainedModel, requested: str) -> str:
    """Return the layout to read texts for a model in: one of plain text reads no other, other models not it.

    Raises BadInputError if the requested layout is not possible.
    """
    if model.vocabulary.plain and requested in (layouts.AUTO, layouts.PLAIN):
        return layouts.PLAIN
    if model.vocabulary.plain or requested == layouts.PLAIN:
        own = model.origin.corpus.layout
        raise BadInputError(f"the model was trained with layout {own}, not {requested}", f"use --layout {own}")
    return requested


def score(vocabulary: Vocabulary, network: Network, text: WholeStream, progress: Progress) -> Score:
    """Return the score of a text by a network with that vocabulary, and report how much of it is scored meanwhile."""
    ids = vocabulary.translated(text.ids, text.lexicon, text.starts)
    words = [text.lexicon[number] for number in text.ids.tolist()]
    started = time.monotonic()

    def report(done: int) -> None:
        speed = done / max(time.monotonic() - started, 1e-6)
        progress.report(Measured(done / len(ids), speed, (len(ids) - done) / speed))

    losses = scored(network, ids, vocabulary.first, report).losses(network.trigrams)
    return score_of(vocabulary, ids, losses, words)
