"""The report command: the report page of a stored model."""

from __future__ import annotations

from pathlib import Path

from scriptmodel_trainer import artifacts
from scriptmodel_trainer.reporting.page import render_report
from scriptmodel_trainer.storage import write_file


def report(folder: Path, out: Path) -> None:
    """Write the report page of a model anew."""
    artifacts.protect(out, but=(artifacts.REPORT,))
    page = render_report(artifacts.load_model(folder, judged=True))
    write_file(out, page.encode("utf-8", errors="replace"))
