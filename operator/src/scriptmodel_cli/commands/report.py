"""The command `report`."""

import tempfile
from html import escape
from pathlib import Path

import click

from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.files import write_new
from scriptmodel_cli.options import name_argument
from scriptmodel_cli.output import emit, note
from scriptmodel_cli.program import Command
from scriptmodel_cli.session import Session
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.engine.errors import NotFoundError
from scriptmodel_operator.engine.values import commit_of

_REPORT = "/report.html"
_MAX_REPORT_BYTES = 64 << 20
_FRAME = """<!doctype html><meta charset="utf-8"><title>Report</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<style>html, body, iframe {{ width: 100%; height: 100%; margin: 0; border: 0; display: block }}</style>
<iframe sandbox srcdoc="{}"></iframe>
"""
"""The page in which a browser shows a report, which runs nothing and fetches nothing."""


@click.command(cls=Command)
@name_argument
@click.option("--open", "browse", is_flag=True, help="Open the report in a browser.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the report to a file.")
@click.option("--force", is_flag=True, help="Overwrite the file of --out.")
@pass_session
def report(session: Session, name: str, browse: bool, out: Path | None, force: bool) -> None:
    """Print the HTML report of the newest model of NAME: its perplexity curves and settings.

    \b
    Examples:
      scriptmodel report thrones --open
      scriptmodel report thrones --out report.html
    """
    where = ((session.get(name).get("status") or {}).get("lineage") or {}).get("model")
    if not where:
        raise click.ClickException(f"{name} has no model yet: see `scriptmodel why {name}`")
    with session.engine(f"the report of {name}") as gateway:
        repo, commit = commit_of(where)
        try:
            page = gateway.read_file(repo, commit, _REPORT, _MAX_REPORT_BYTES)
        except NotFoundError as error:
            raise click.ClickException(
                f"the model of {name} has no report: its image is not a scriptmodel trainer, or the commit is gone; "
                f"`scriptmodel retrain {name}` trains a new one (model {short_id(commit)})"
            ) from error
    if out is not None:
        write_new(out, page, force=force)
    if browse:
        _open(name, page)
    elif out is None:
        emit(page.decode(errors="replace"))


def _open(name: str, page: bytes) -> None:
    """Open a report without its rights: an image wrote it. Its file remains, since the browser reads it later."""
    framed = _FRAME.format(escape(page.decode(errors="replace")))
    with tempfile.NamedTemporaryFile(prefix=f"scriptmodel-{name}-", suffix=".html", delete=False) as file:
        file.write(framed.encode())
    if click.launch(Path(file.name).as_uri()) != 0:
        raise click.ClickException(f"cannot start a browser: open {file.name} manually")
    note(f"opened {file.name}")
