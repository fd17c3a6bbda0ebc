"""The commands export and report: pages of a stored model."""

from pathlib import Path

from scriptmodel_trainer.artifacts import model_directory
from scriptmodel_trainer.corpus.given import given_text
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.progress.listeners import Progress
from scriptmodel_trainer.reporting.report import render_report
from scriptmodel_trainer.reporting.standalone import Cover, page_of
from scriptmodel_trainer.storage.files import write_file

_USUAL_PAGE = 15_000_000  # bytes


def report(folder: Path, out: Path) -> None:
    """Write the report page of a model anew."""
    model_directory.protect(out, but=(model_directory.REPORT,))
    page = render_report(model_directory.load_model(folder, judged=True))
    write_file(out, page.encode("utf-8", errors="replace"))


def export(folder: Path, out: Path, title: str, author: str, continued: str | None, progress: Progress) -> None:
    """Write a model as one page that writes."""
    model_directory.protect(out)
    if out.suffix.lower() != ".html":
        hint = "name a file in .html; the folder of write has each script in every format"
        raise BadInputError(f"no model is exported as {out.name}", hint, parameter="out")
    model = model_directory.load_model(folder)
    opening = given_text(continued, progress.note) if continued else ""
    page = page_of(model, Cover(title or f"Write with {model_directory.name_of(folder)}", author, opening.strip()))
    write_file(out, page)
    large = f", more than the {_USUAL_PAGE / 1e6:.0f} MB that are sent easily" if len(page) > _USUAL_PAGE else ""
    progress.note(f"the page has {len(page) / 1e6:.1f} MB{large}; it works in a browser, without a network")
