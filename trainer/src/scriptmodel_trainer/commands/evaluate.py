"""The evaluate command: perplexity of a model on texts."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from scriptmodel_trainer.artifacts import load_model
from scriptmodel_trainer.corpus import layouts, reading, stream
from scriptmodel_trainer.evaluation import score
from scriptmodel_trainer.generation.network import Network
from scriptmodel_trainer.progress.events import Warned
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.storage import finite


def evaluate(folder: Path, data: Sequence[Path], layout: str, as_json: bool, progress: Progress) -> str:
    """Return perplexity of a model on texts, as a line of JSON or as readable text."""
    model = load_model(folder)
    sources = reading.find_sources(data, progress.note)
    tokens = stream.read_whole(sources, layouts.layout_named(layout))
    ids = model.vocabulary.mapping_from(tokens.lexicon)[tokens.ids]
    if tokens.doubt:
        progress.report(Warned("not_scripts", tokens.doubt))
    result = score(Network(model.weights), model.vocabulary, ids)
    if as_json:
        return json.dumps(finite(dataclasses.asdict(result)))
    lines = [f"Perplexity: {result.perplexity:.3f} ({result.tokens:,} tokens, {result.oov:,} unknown)"]
    lines += [
        f"  {name:<12} {part.perplexity:>12.3f} ({part.tokens:,} tokens)" for name, part in result.by_class.items()
    ]
    return "\n".join(lines)
