"""The command `why`."""

import click

from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.diagnosis import events_path, pods_path
from scriptmodel_cli.diagnosis import why as diagnosis
from scriptmodel_cli.options import name_argument, now
from scriptmodel_cli.output import say
from scriptmodel_cli.program import Command
from scriptmodel_cli.session import Session


@click.command(cls=Command)
@name_argument
@pass_session
def why(session: Session, name: str) -> None:
    """Explain the state of NAME and suggest the next step.

    The verdict and the next step come first, then the evidence: stages, pipelines, worker pods and events.

    \b
    Example:
      scriptmodel why thrones
    """
    found = session.get(name)
    events = session.items("events", events_path(found))
    where = pods_path(found)
    say(diagnosis(found, now(), events=events, pods=session.items("worker pods", where) if where else ()))
