"""The command `search`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import click

from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.leaderboard import COLUMNS, best_of, counts_of, csv_of, ordered, progress_of, table_of
from scriptmodel_cli.live import Live
from scriptmodel_cli.options import check_ready, name_argument, now
from scriptmodel_cli.output import emit, say, say_value
from scriptmodel_cli.program import Command
from scriptmodel_cli.screen import head
from scriptmodel_cli.session import Session, parsed, pause
from scriptmodel_cli.text import Object, is_settled

_READ_SECONDS = 3.0


@click.command(cls=Command)
@name_argument
@click.option("-w", "--watch", is_flag=True, help="Watch until the search has its script, is stalled or suspended.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="Output format.",
)
@click.option(
    "--sort",
    default="",
    metavar="COLUMN",
    shell_complete=lambda _context, _option, start: [each for each in COLUMNS if each.startswith(start)],
    help="Sort by a column or a parameter; -COLUMN for descending order [default: best first].",
)
@pass_session
def search(session: Session, name: str, watch: bool, output: str, sort: str) -> None:
    """Show the trials of the search of NAME, best first: values, epochs, perplexity, time, and why one failed.

    A trial is complete, running, paused (it has less epochs than the best ones, and may continue), waiting or failed.
    The search minimises nats per character of the validation text. Without Pachyderm the ten best trials are shown.
    Exit status of -w: 0 ready, 1 stalled, 3 suspended. With -o json or csv, -w prints the trials at the end.

    \b
    Examples:
      scriptmodel search thrones -w
      scriptmodel search thrones --sort dropout
      scriptmodel search thrones -o csv > trials.csv
    """
    structured = output != "table"
    live = Live(err=structured)
    found = session.get_with_retry(name, live.note) if watch else session.get(name)
    if not found["spec"].get("search"):
        raise click.ClickException(f"{name} has no spec.search: see `scriptmodel status {name}`")
    board = Board(session, live.note)
    shown = board.of(found)
    ordered(shown["trials"], sort)  # a wrong column is reported at once
    while watch:
        live.show(_screen(found, shown, sort), _line(shown), now())
        if is_settled(found):
            break
        pause()
        found = session.get_with_retry(name, live.note)
        shown = board.of(found)
    shown["trials"] = ordered(shown["trials"], sort)
    if output == "json":
        say_value(shown, output)
    elif output == "csv":
        emit(csv_of(shown["trials"]))
    elif not watch:
        say(_screen(found, shown, sort))
    if watch:
        check_ready(found)


def _screen(found: Object, shown: Object, sort: str) -> list[str]:
    trials = ordered(shown["trials"], sort)
    lines = [*head(found, now()), "", progress_of(shown, counts_of(trials))]
    return [*lines, "", *table_of(trials)] if trials else lines


def _line(shown: Object) -> str:
    trials = shown["trials"]
    return ". ".join(filter(None, (progress_of(shown, counts_of(trials)), best_of(trials))))


@dataclass
class Board:
    """The trials, read from Pachyderm every few seconds; without it, those of the status."""

    session: Session
    note: Callable[[str], None]
    _asks: bool = True
    _next: float = 0.0
    _read: dict[str, Any] = field(default_factory=dict)

    def of(self, found: dict[str, Any]) -> dict[str, Any]:
        """Return what `trials_of` does."""
        if self._asks and not self.session.finds_pachd():
            self._missing("the address of pachd is not known (--pachd)")
        if self._asks and (time.monotonic() >= self._next or is_settled(found)):
            self._read = self._from_pachyderm(found)
            self._next = time.monotonic() + _READ_SECONDS
        status = dict((found.get("status") or {}).get("search") or {})
        top = status.pop("top", [])
        if self._asks:
            return {**status, **self._read}
        return {"algorithm": found["spec"]["search"]["algorithm"], **status, "trials": top}

    def _from_pachyderm(self, found: dict[str, Any]) -> dict[str, Any]:
        from scriptmodel_cli.trials import trials_of  # noqa: PLC0415 - without pachd it starts faster

        try:
            with self.session.pachyderm("the trials") as gateway:
                return trials_of(gateway, parsed(found))
        except click.ClickException as error:
            self._missing(error.message)
            return {}

    def _missing(self, why: str) -> None:
        self._asks = False
        self.note(f"the ten best trials are shown: {why}")
