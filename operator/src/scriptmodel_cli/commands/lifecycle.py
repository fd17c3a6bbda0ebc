"""The commands `retrain`, `suspend` and `resume`."""

from datetime import UTC, datetime

import click

from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.options import name_argument
from scriptmodel_cli.output import note
from scriptmodel_cli.program import Command
from scriptmodel_cli.session import Session
from scriptmodel_operator.api.identity import RECONCILE_AT, RETRAIN_AT


@click.command(cls=Command)
@name_argument
@pass_session
def retrain(session: Session, name: str) -> None:
    """Train NAME again with the same spec, for instance after a failure of a node.

    A running job is killed and training restarts at the first epoch. The last script stays until a new one is written.
    """
    stamp = datetime.now(UTC).isoformat(timespec="microseconds")
    # The reconcile request lets `status -w` distinguish the new status from the previous one.
    session.patch(name, {"metadata": {"annotations": {RETRAIN_AT: stamp, RECONCILE_AT: stamp}}})
    note(f"requested a new training of {name}: see `scriptmodel status {name} -w`")


@click.command(cls=Command)
@name_argument
@pass_session
def suspend(session: Session, name: str) -> None:
    """Stop the pipelines of NAME. A running job is killed; on resume it continues if it has a checkpoint claim."""
    _set_suspend(session, name, suspend=True)


@click.command(cls=Command)
@name_argument
@pass_session
def resume(session: Session, name: str) -> None:
    """Restart the pipelines of NAME after `scriptmodel suspend`."""
    _set_suspend(session, name, suspend=False)


def _set_suspend(session: Session, name: str, *, suspend: bool) -> None:
    next_step = f"`scriptmodel resume {name}` resumes it" if suspend else f"see `scriptmodel status {name} -w`"
    if bool(session.get(name)["spec"].get("suspend")) == suspend:
        note(f"{name} is {'already' if suspend else 'not'} suspended, nothing changed: {next_step}")
        return
    session.patch(name, {"spec": {"suspend": suspend}})
    note(f"requested to {'suspend' if suspend else 'resume'} {name}: {next_step}")
