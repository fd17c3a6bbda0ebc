"""The command `report`."""

from pathlib import Path

import click

from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.files import write_new
from scriptmodel_cli.options import name_argument
from scriptmodel_cli.output import emit
from scriptmodel_cli.program import Command
from scriptmodel_cli.session import Session
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.engine.errors import NotFoundError
from scriptmodel_operator.engine.values import commit_of

_REPORT = "/report.html"
_MAX_REPORT_BYTES = 64 << 20


@click.command(cls=Command)
@name_argument
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the report to a file.")
@click.option("--force", is_flag=True, help="Overwrite the file of --out.")
@pass_session
def report(session: Session, name: str, out: Path | None, force: bool) -> None:
    """Print the HTML report of the newest model of NAME: its perplexity curves and settings.

    \b
    Example:
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
    if out is None:
        emit(page.decode(errors="replace"))
    else:
        write_new(out, page, force=force)
