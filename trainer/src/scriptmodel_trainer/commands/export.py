"""The commands export and report: a stored model in a format that other programs, or people, read."""

import dataclasses
import json
from pathlib import Path

from scriptmodel_trainer.artifacts import model_directory
from scriptmodel_trainer.artifacts.trials import read_runs
from scriptmodel_trainer.corpus.given import given_text
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.reporting.report import render_report
from scriptmodel_trainer.reporting.standalone import Cover, page_of
from scriptmodel_trainer.storage.files import arrays_bytes, write_file

HTML, SAFETENSORS = "html", "safetensors"
_USUAL_PAGE = 15_000_000  # bytes


def report(folder: Path, out: Path) -> None:
    """Write the report page of a model anew."""
    model_directory.protect(out, but=(model_directory.REPORT,))
    page = render_report(model_directory.load_model(folder, judged=True), runs=read_runs(folder))
    write_file(out, page.encode("utf-8", errors="replace"))


def export(
    folder: Path, out: Path, kind: str | None, title: str, author: str, continued: str | None, progress: Progress
) -> None:
    """Write a model as one file: a page that writes, or its arrays; without a kind as the suffix says."""
    model_directory.protect(out)
    kind = kind or out.suffix.lower().removeprefix(".")
    if kind not in (HTML, SAFETENSORS):
        hint = f"name a file in .{HTML} or .{SAFETENSORS}; the folder of write has each script in every format"
        raise BadInputError(f"no model is exported as {out.name}", hint, parameter="out")
    html = kind == HTML
    if not html and (title or author or continued):
        raise BadInputError("--title, --author and --continue are for a page", "add --format html")
    model = model_directory.load_model(folder)
    if not html:
        write_file(out, _arrays(model))
        return
    opening = given_text(continued, progress.note) if continued else ""
    page = page_of(model, Cover(title or f"Write with {model_directory.name_of(folder)}", author, opening.strip()))
    write_file(out, page)
    large = f", more than the {_USUAL_PAGE / 1e6:.0f} MB that are sent easily" if len(page) > _USUAL_PAGE else ""
    progress.note(f"the page has {len(page) / 1e6:.1f} MB{large}; it works in a browser, without a network")


def _arrays(model: model_directory.TrainedModel) -> bytes:
    """Return the weights of a model as a safetensors file.

    Names, shapes and the order of the gates are those of the model directory; the arrays of its trigrams follow under
    `trigrams/`. The file's metadata hold the settings and the words, so that it can be used without the directory.
    """
    metadata = {
        "format": "scriptmodel-trainer",
        "preset": model.origin.preset_name,
        "parameters": json.dumps(dataclasses.asdict(model.origin.preset)),
        "gates": "input, forget, candidate, output",
        "words": json.dumps(model.vocabulary.words),
        "speakers": json.dumps(sorted(model.vocabulary.speakers)),
    }
    trigrams = model.trigrams.arrays() if model.trigrams else {}
    return arrays_bytes(model.weights | {f"trigrams/{name}": part for name, part in trigrams.items()}, metadata)
