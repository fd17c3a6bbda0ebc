"""The generate command: scripts into files, and beside them what made them."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from scriptmodel_trainer import artifacts
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.generation.network import Network
from scriptmodel_trainer.generation.rendering import count_pieces, render
from scriptmodel_trainer.generation.sampling import Sampling
from scriptmodel_trainer.generation.writer import Opening, Writer
from scriptmodel_trainer.storage import prepare_folder, require_file, write_json, write_text

GENERATION = "generation.json"


@dataclass(frozen=True, slots=True)
class GenerateOptions:
    """The generate command's options, checked; without `out` the scripts are returned only."""

    model: Path
    words: int
    sampling: Sampling
    seed: int
    opening: Opening
    samples: int
    out: Path | None


def generate(options: GenerateOptions) -> list[str]:
    """Write `samples` scripts; returns their texts. Sample i of a seed is the same whatever `samples` is."""
    if options.words < 1:
        raise BadInputError(f"--words {options.words} must be at least 1")
    if not 1 <= options.samples <= 1000:
        raise BadInputError(f"--samples {options.samples} must lie between 1 and 1000")
    if options.seed < 0:
        raise BadInputError(f"--seed {options.seed} must not be negative")
    began = time.monotonic()
    model = artifacts.load_model(options.model)
    if options.out is not None:
        _prepare(options.out, options.samples)
    writer = Writer(Network(model.weights), model.vocabulary)
    scripts = [
        writer.write(options.words, options.sampling, (options.seed, sample), options.opening)
        for sample in range(options.samples)
    ]
    texts = [render(script) for script in scripts]
    if options.out is not None:
        _store(options, options.out, model, scripts, texts, time.monotonic() - began)
    return texts


def _prepare(out: Path, samples: int) -> None:
    """See that all files can be stored, before anything is written."""
    names = [GENERATION]
    for sample in range(1, samples + 1):
        path = sample_path(out, sample)
        require_file(path)
        names.append(path.name)
    if out.name == GENERATION:
        raise BadInputError(f"--out {out}: {GENERATION} tells how scripts were made", "give another name")
    prepare_folder(out.parent, names)


def sample_path(out: Path, sample: int) -> Path:
    """`new_script.txt` for the first sample, `new_script.2.txt` for the second, and so on."""
    return out if sample == 1 else out.with_name(f"{out.stem}.{sample}{out.suffix}")


def _store(
    options: GenerateOptions,
    out: Path,
    model: artifacts.TrainedModel,
    scripts: list[list[str]],
    texts: list[str],
    seconds: float,
) -> None:
    entries = []
    for number, (script, text) in enumerate(zip(scripts, texts, strict=True), 1):
        path = sample_path(out, number)
        write_text(path, text)
        digest = hashlib.sha256(text.encode("utf-8", errors="replace")).hexdigest()
        entries.append({"file": path.name, "words": count_pieces(text), "tokens": len(script), "sha256": digest})
    write_json(
        out.with_name(GENERATION),
        {
            "schema": 1,
            "samples": entries,
            "words": options.words,
            "sampling": dataclasses.asdict(options.sampling),
            "seed": options.seed,
            "prompt": options.opening.prompt,
            "speaker": options.opening.speaker,
            "model": {
                "preset": model.origin.preset_name,
                "seed": model.origin.seed,
                "corpus": model.origin.corpus.get("digest"),
                "perplexity": model.metrics.get("perplexity"),
            },
            "versions": artifacts.versions(),
            "seconds": round(seconds, 3),
        },
    )
