"""`scriptmodel why`."""

from __future__ import annotations

import click

from scriptmodel_operator.terminal.connection import pass_session
from scriptmodel_operator.terminal.diagnosis import why as diagnosis
from scriptmodel_operator.terminal.options import name_argument, say
from scriptmodel_operator.terminal.program import Command
from scriptmodel_operator.terminal.session import Session


@click.command(cls=Command)
@name_argument
@pass_session
def why(session: Session, name: str) -> None:
    """Say why NAME is as it is, and what to do next.

    The verdict comes first, then what it is drawn from: stages, pipelines, events.
    """
    found = session.get(name)
    say(diagnosis(found, session.events(found)))
