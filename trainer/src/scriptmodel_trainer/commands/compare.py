"""The compare command: two models on the same held-out text, in nats per character; and what the judge finds."""

import dataclasses
import itertools
import json
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scriptmodel_trainer.artifacts.model_directory import TrainedModel, load_model
from scriptmodel_trainer.commands.evaluate import read_text, score
from scriptmodel_trainer.corpus.stream import WholeStream
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import TAKES, Sampling
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.storage.files import finite

_SEEDS = [(0, number) for number in range(8)]
_WORDS = 250  # of a script
_EQUAL = 0.01  # share of a figure: another seed of the same training makes as much of a difference
_BY = "nats_per_character"
_ROWS = (
    ("", "model", "{}"),
    ("settings", "preset", "{}"),
    ("weights", "weights", "{:,}"),
    ("vocabulary", "vocabulary", "{:,}"),
    ("unknown words of the text", "unknown", "{:,}"),
    ("surprise at a letter", "nats_per_character", "{:.3f}"),
    ("surprise at a letter, with its cache", "nats_per_character_with_cache", "{:.3f}"),
    ("form of its scripts", "judged", "{0[form]}, {0[form_score]:.2f}"),
    ("sense of its scripts", "judged", "{0[sense]}, {0[sense_score]:.2f}"),
)
_NOTES = (
    "The less a text surprises a model, the better the model knows how such texts go on; a word that it does not know\n"
    "surprises it by each letter. The judge reads each model's scripts beside the text that its own training held out\n"
    "and says how they are, not which model is better."
)


def compare(folders: Sequence[Path], data: Sequence[Path], layout: str, as_json: bool, progress: Progress) -> str:
    """Return two models' figures on texts that neither has learned from, as a line of JSON or as a table."""
    models = [load_model(folder, judged=True) for folder in folders]
    if models[0].vocabulary.exact != models[1].vocabulary.exact:
        exact = folders[0] if models[0].vocabulary.exact else folders[1]
        message = f"{exact} was trained with layout exact, whose characters are not those of other layouts"
        raise BadInputError(message, "compare it with another model of layout exact")
    text = read_text(models[0], data, layout, progress)
    found = []
    for folder, model in zip(folders, models, strict=True):
        progress.note(f"measuring {folder} on {len(text.ids):,} words and marks")
        found.append(_measured(str(folder), model, text, progress))
    better = better_of(found)
    return json.dumps(finite({"models": found, "better": better, "by": _BY})) if as_json else _table(found, better)


def better_of(found: Sequence[Mapping[str, Any]]) -> str | None:
    """Return which of two models predicts the text better, with the caches that they have; None for equal ones."""
    low, high = sorted(found, key=_predicted)
    return None if _predicted(high) - _predicted(low) <= _EQUAL * _predicted(low) else str(low["model"])


def _predicted(model: Mapping[str, Any]) -> float:
    cached = model["nats_per_character_with_cache"]
    return float(model["nats_per_character"] if cached is None else cached)


def _measured(name: str, model: TrainedModel, text: WholeStream, progress: Progress) -> dict[str, Any]:
    """Return a model's figures on the text."""
    own, vocabulary = model.network(), model.vocabulary
    weights = {key: array for key, array in model.weights.items() if not key.startswith("cache/")}
    static = score(vocabulary, dataclasses.replace(model, weights=weights).network(), text, progress)
    cached = score(vocabulary, own, text, progress) if own.cache else None
    writer, sampling = model.writer(), Sampling(takes=TAKES)
    scripts = [script.tokens for script in writer.write_together(_WORDS, sampling, _SEEDS, Opening())]
    verdict = model.verdict(*scripts)
    return {
        "model": name,
        "preset": model.preset_title,
        "weights": model.size,
        "vocabulary": len(vocabulary),
        "unknown": static.oov,
        "nats_per_character": static.nats_per_character,
        "nats_per_character_with_cache": cached.nats_per_character if cached else None,
        "judged": dataclasses.asdict(verdict) if verdict else None,
        "script": writer.text(scripts[0]),
    }


def _table(found: Sequence[Mapping[str, Any]], better: str | None) -> str:
    width = max(24, (shutil.get_terminal_size().columns - 3) // 2)
    rows = [
        (title, *("-" if each[key] is None else form.format(each[key]) for each in found)) for title, key, form in _ROWS
    ]
    label, *wide = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = [
        f"{title:<{label}}" + "".join(f"  {cell:>{size}}" for cell, size in zip(cells, wide, strict=True))
        for title, *cells in rows
    ]
    columns = [_wrapped(each["script"], width) for each in found]
    sides = [f"{left:<{width}} | {right}".rstrip() for left, right in itertools.zip_longest(*columns, fillvalue="")]
    named = f"{better} is better" if better else "the two are equal"
    figures = " and ".join(f"{_predicted(each):.3f}" for each in found)
    return "\n".join([*lines, f"{named}, by its surprise at a letter: {figures}", _NOTES, "", *sides])


def _wrapped(text: str, width: int) -> list[str]:
    return [piece for line in text.splitlines() for piece in textwrap.wrap(line, width) or [""]]
