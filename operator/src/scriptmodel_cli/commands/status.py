"""The command `status`."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import click

from scriptmodel_cli import text
from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.live import Live
from scriptmodel_cli.options import check_ready, name_argument, now, output_option
from scriptmodel_cli.output import say, say_structured
from scriptmodel_cli.program import Command
from scriptmodel_cli.screen import screen_of
from scriptmodel_cli.session import Session, pause

_CURVE_SECONDS = 5.0


@click.command(cls=Command)
@name_argument
@output_option("text")
@click.option("-w", "--watch", is_flag=True, help="Watch until it is ready, stalled or suspended.")
@pass_session
def status(session: Session, name: str, output: str, watch: bool) -> None:
    """Show the full status of NAME: progress, perplexity, lineage, history and the beginning of the script.

    Where pachd is known, also the perplexity of each epoch. Exit status of -w: 0 ready, 1 stalled, 3 suspended. With
    -o, -w prints the object at the end, and what changes before that on stderr.

    \b
    Examples:
      scriptmodel status thrones -w
      scriptmodel status thrones -o json | jq .status.training
    """
    structured = output != "text"
    live = Live(err=structured)
    found = session.get_with_retry(name, live.note) if watch else session.get(name)
    curve = Curve(session, live.note)
    if not watch and not structured:
        say(screen_of(found, now(), curve.of(found)))
    while watch:
        live.show(screen_of(found, now(), curve.of(found)), text.line_of(found), now())
        if text.is_settled(found):
            break
        pause()
        found = session.get_with_retry(name, live.note)
    if structured:
        say_structured(found, output)
    if watch:
        check_ready(found)


@dataclass
class Curve:
    """The perplexity by epoch, read again after each epoch; empty without pachd."""

    session: Session
    note: Callable[[str], None]
    _of: tuple[Any, ...] = ()
    _values: list[float] = field(default_factory=list)
    _asks: bool = True
    _next: float = 0.0
    """Earliest time of the next read, since epochs of a small model are short."""

    def of(self, found: dict[str, Any]) -> list[float]:
        training = (found.get("status") or {}).get("training") or {}
        progress = training.get("epochProgress")
        stage = (training.get("startTime"), progress, training.get("completionTime"))
        due = training.get("completionTime") or time.monotonic() >= self._next
        if progress and stage != self._of and due and self._asks and self.session.finds_engine():
            self._values, self._of = self._from_engine(found), stage
            self._next = time.monotonic() + _CURVE_SECONDS
        return self._values

    def _from_engine(self, found: dict[str, Any]) -> list[float]:
        from scriptmodel_cli.training import training  # noqa: PLC0415 - without pachd it starts faster

        try:
            with self.session.engine("the perplexity by epoch") as gateway:
                epochs = training(gateway, found).curve.epochs
        except click.ClickException as error:
            self._asks = False  # the rest of the status needs no Pachyderm
            self.note(f"perplexity by epoch: {error.message}")
            return []
        return [each.valid for each in epochs if isfinite(each.valid)]
