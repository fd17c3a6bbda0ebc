"""The compare command: two models on the same held-out text, in nats per character; and what the judge finds."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scriptmodel_trainer.artifacts import TrainedModel, layout_of, load_model
from scriptmodel_trainer.commands.evaluate import score
from scriptmodel_trainer.corpus import layouts, reading, stream
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.network import Network
from scriptmodel_trainer.generation.openings import Opening
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.judging.verdict import Verdict
from scriptmodel_trainer.progress.events import Warned
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.records import Score
from scriptmodel_trainer.storage import finite

_SEEDS = [(0, number) for number in range(8)]
_WORDS = 250  # of a script
_NOTES = (
    "Nats per character charge all of the text: a word that a vocabulary lacks costs the token <unk> and its letters,\n"
    "spelled by a model of the letters of its words. The judge reads each model's scripts beside the text that\n"
    "its own training held out."
)


@dataclass(frozen=True, slots=True)
class _Compared:
    """A model's figures on the text; `cached` is its score with the cache that was trained with it."""

    name: str
    model: TrainedModel
    static: Score
    cached: Score | None
    verdict: Verdict | None
    script: str


def compare(folders: Sequence[Path], data: Sequence[Path], layout: str, as_json: bool, progress: Progress) -> str:
    """Return two models' figures on texts that neither has learned from, as a line of JSON or as a table."""
    models = [load_model(folder, judged=True) for folder in folders]
    if models[0].vocabulary.exact != models[1].vocabulary.exact:
        exact = folders[0] if models[0].vocabulary.exact else folders[1]
        message = f"{exact} was trained with layout exact, whose characters are not those of other layouts"
        raise BadInputError(message, "compare it with another model of layout exact")
    sources = reading.find_sources(data, progress.note)
    text = stream.read_whole(sources, layouts.layout_named(layout_of(models[0], layout)))
    if text.doubt:
        progress.report(Warned("not_scripts", text.doubt))
    found = []
    for folder, model in zip(folders, models, strict=True):
        progress.note(f"measuring {folder} on {len(text.ids):,} tokens")
        found.append(_measured(str(folder), model, text, progress))
    return _json(found) if as_json else _table(found)


def _measured(name: str, model: TrainedModel, text: stream.WholeStream, progress: Progress) -> _Compared:
    own, vocabulary = model.network(), model.vocabulary
    weights = {key: array for key, array in model.weights.items() if not key.startswith("cache/")}
    static = score(vocabulary, Network(weights, vocabulary.document, model.trigrams), text, progress)
    cached = score(vocabulary, own, text, progress) if own.cache else None
    writer, sampling = model.writer(), Sampling(model.temperature)
    scripts = [script.tokens for script in writer.write_together(_WORDS, sampling, _SEEDS, Opening())]
    verdict = model.reference.verdict(*scripts) if model.reference else None
    return _Compared(name, model, static, cached, verdict, writer.text(scripts[0]))


def _json(found: Sequence[_Compared]) -> str:
    models = [
        {
            "model": each.name,
            "preset": each.model.preset_title,
            "weights": each.model.size,
            "vocabulary": len(each.model.vocabulary),
            "unknown": each.static.oov,
            "nats_per_character": each.static.nats_per_character,
            "nats_per_character_with_cache": each.cached.nats_per_character if each.cached else None,
            "temperature": each.model.temperature,
            "judged": dataclasses.asdict(each.verdict) if each.verdict else None,
            "script": each.script,
        }
        for each in found
    ]
    return json.dumps(finite({"models": models}))


def _table(found: Sequence[_Compared]) -> str:
    width = max(24, (shutil.get_terminal_size().columns - 3) // 2)
    rows = [("", *(each.name for each in found)), *_rows(found)]
    label, *wide = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = [
        f"{title:<{label}}" + "".join(f"  {cell:>{size}}" for cell, size in zip(cells, wide, strict=True))
        for title, *cells in rows
    ]
    columns = [_wrapped(each.script, width) for each in found]
    sides = [f"{left:<{width}} | {right}".rstrip() for left, right in itertools.zip_longest(*columns, fillvalue="")]
    return "\n".join([*lines, _NOTES, "", *sides])


def _rows(found: Sequence[_Compared]) -> Iterator[tuple[str, ...]]:
    yield ("preset", *(each.model.preset_title for each in found))
    yield ("weights", *(f"{each.model.size:,}" for each in found))
    yield ("vocabulary", *(f"{len(each.model.vocabulary):,}" for each in found))
    yield ("unknown words of the text", *(f"{each.static.oov:,}" for each in found))
    yield ("nats per character", *(_nats(each.static) for each in found))
    yield ("nats per character, with its cache", *(_nats(each.cached) for each in found))
    yield ("judge", *(f"{each.verdict.verdict}, {each.verdict.overall:.2f}" if each.verdict else "-" for each in found))
    yield ("temperature", *(f"{each.model.temperature:g}" for each in found))


def _nats(score: Score | None) -> str:
    return "-" if score is None or score.nats_per_character is None else f"{score.nats_per_character:.3f}"


def _wrapped(text: str, width: int) -> list[str]:
    return [piece for line in text.splitlines() for piece in textwrap.wrap(line, width) or [""]]
