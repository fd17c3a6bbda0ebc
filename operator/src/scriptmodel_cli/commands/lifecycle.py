"""The commands `retrain`, `suspend`, `resume` and `wait`."""

import time
from datetime import UTC, datetime
from typing import Any

import click

from scriptmodel_cli import text
from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.options import check_ready, name_argument, seconds
from scriptmodel_cli.output import note
from scriptmodel_cli.program import Command
from scriptmodel_cli.session import ServerUnavailableError, Session, pause
from scriptmodel_operator.api.identity import RECONCILE_AT, RETRAIN_AT


@click.command(cls=Command)
@name_argument
@pass_session
def retrain(session: Session, name: str) -> None:
    """Train NAME again with the same spec, for instance after a failure of a node.

    A running job is killed and training restarts at the first epoch. The last script stays until a new one is written.
    """
    stamp = datetime.now(UTC).isoformat(timespec="microseconds")
    # The reconcile request lets `wait` distinguish the new status from the previous one.
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


@click.command(cls=Command)
@name_argument
@click.option(
    "--timeout", type=seconds, default="1h", show_default=True, help="Maximum wait, such as 90, 90s or 1h30m."
)
@pass_session
def wait(session: Session, name: str, timeout: float) -> None:
    """Wait until NAME is ready. Exit status: 0 ready, 1 stalled or timed out, 3 suspended.

    \b
    Example:
      kubectl apply -f thrones.yaml && scriptmodel wait thrones && scriptmodel script thrones
    """
    check_ready(_settled(session, name, timeout))
    note(f"{name} is ready")


def _settled(session: Session, name: str, timeout: float) -> dict[str, Any]:
    deadline = time.monotonic() + timeout
    late = f"{name} is not ready after {timeout:g} s: "
    found: dict[str, Any] = {}
    while not found or not text.is_settled(found):
        if found:
            if time.monotonic() > deadline:
                raise click.ClickException(late + text.condition(found).get("reason", "Pending"))
            pause()
        try:
            found = session.get_with_retry(name, note, deadline)
        except ServerUnavailableError as error:
            if time.monotonic() < deadline and not found:
                raise  # the address has never answered
            raise click.ClickException(late + error.message) from error
    return found
