"""The command `search`."""

import time

import click

from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.leaderboard import best_of, csv_of, ordered, progress_of, rows_of
from scriptmodel_cli.live import Live
from scriptmodel_cli.options import check_ready, name_argument, now, output_option
from scriptmodel_cli.output import emit, say, say_value
from scriptmodel_cli.program import Command
from scriptmodel_cli.screen import head
from scriptmodel_cli.session import Session, parsed
from scriptmodel_cli.text import Object, is_settled, table
from scriptmodel_cli.trials import TrialReader
from scriptmodel_operator.engine.errors import UnavailableError

_READ_SECONDS = 2.0
_SORT = "Sort by a column or a parameter; -COLUMN for descending order [default: best first]."


@click.command(cls=Command)
@name_argument
@click.option("-w", "--watch", is_flag=True, help="Watch until the script is written, or it is stalled or suspended.")
@output_option("table", "csv", names=False)
@click.option("--sort", default="", metavar="COLUMN", help=_SORT)
@pass_session
def search(session: Session, name: str, watch: bool, output: str, sort: str) -> None:
    """Show the trials of the search of NAME, best first: values, epochs, perplexity, time, and why one failed.

    A trial is complete, running, waiting or failed. The search minimises
    nats per character of the validation text. The ten best trials are in `scriptmodel status`, too.

    Exit status of -w: 0 ready, 1 stalled, 3 suspended. With another -o, -w prints the trials at the end.

    \b
    Examples:
      scriptmodel search thrones -w
      scriptmodel search thrones --sort dropout
      scriptmodel search thrones -o csv > trials.csv
    """
    live = Live(err=output != "table")
    found = session.get_with_retry(name, live.note) if watch else session.get(name)
    if not found["spec"].get("search"):
        raise click.ClickException(f"{name} has no spec.search: see `scriptmodel status {name}`")
    with session.engine(f"the trials of {name}") as gateway:
        reader = TrialReader(gateway, follow=watch)
        read: Object = {}
        while True:
            read = _read(reader, found, read, live if watch else None)
            shown = {**((found.get("status") or {}).get("search") or {}), **read}  # the operator estimates the time
            progress, trials = progress_of(shown), ordered(shown.get("top") or [], sort)
            screen = [*head(found, now()), "", progress, *(["", *table(rows_of(trials))] if trials else [])]
            if watch:
                live.show(screen, ". ".join(filter(None, (progress, best_of(shown)))), now())
            if not watch or is_settled(found):
                break
            time.sleep(_READ_SECONDS)
            found = session.get_with_retry(name, live.note)
    if output == "csv":
        emit(csv_of(trials))
    elif output != "table":
        say_value({**shown, "top": trials}, output)
    elif not watch:
        say(screen)
    if watch:
        check_ready(found)


def _read(reader: TrialReader, found: Object, before: Object, live: Live | None) -> Object:
    """Return how far a search is; while Pachyderm is unavailable what was read before, if somebody watches."""
    try:
        return reader.read(parsed(found))
    except UnavailableError as error:
        if live is None:
            raise
        if "error" not in before:
            live.note(f"{error}; retrying")
        return {**before, "error": str(error)}
