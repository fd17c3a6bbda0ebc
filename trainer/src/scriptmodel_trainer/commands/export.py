"""The commands export and report: a stored model in a format that other programs, or people, read."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from scriptmodel_trainer import artifacts
from scriptmodel_trainer.reporting.page import render_report
from scriptmodel_trainer.storage import arrays_bytes, write_file
from scriptmodel_trainer.trials import read_runs


def report(folder: Path, out: Path) -> None:
    """Write the report page of a model anew."""
    artifacts.protect(out, but=(artifacts.REPORT,))
    page = render_report(artifacts.load_model(folder, judged=True), runs=read_runs(folder))
    write_file(out, page.encode("utf-8", errors="replace"))


def export(folder: Path, out: Path) -> None:
    """Write the weights of a model directory as a safetensors file.

    Names, shapes and the order of the gates are those of the model directory; the arrays of its trigrams follow under
    `trigrams/`. The file's metadata hold the settings and the words, so that it can be used without the directory.
    """
    artifacts.protect(out)
    model = artifacts.load_model(folder)
    metadata = {
        "format": "scriptmodel-trainer",
        "preset": model.origin.preset_name,
        "parameters": json.dumps(dataclasses.asdict(model.origin.preset)),
        "gates": "input, forget, candidate, output",
        "words": json.dumps(model.vocabulary.words),
        "speakers": json.dumps(sorted(model.vocabulary.speakers)),
    }
    trigrams = model.trigrams.arrays() if model.trigrams else {}
    arrays = model.weights | {f"trigrams/{name}": part for name, part in trigrams.items()}
    write_file(out, arrays_bytes(arrays, metadata))
