"""Commands that ask the operator for something by changing the object, and `wait`."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import click

from scriptmodel_cli import text
from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.options import name_argument, seconds
from scriptmodel_cli.output import note
from scriptmodel_cli.program import Command, SuspendedError
from scriptmodel_cli.session import AwayError, Session, pause
from scriptmodel_operator.api.identity import RECONCILE_AT, RETRAIN_AT


@click.command(cls=Command)
@name_argument
@pass_session
def retrain(session: Session, name: str) -> None:
    """Train NAME again with the same spec, for instance after a failure that was not its own.

    A running job is killed and starts from its first epoch. The last script stays until there is a new one.
    """
    stamp = datetime.now(UTC).isoformat(timespec="microseconds")
    # The answer to the second tells whoever waits that what stands in the status is not from before.
    session.patch(name, {"metadata": {"annotations": {RETRAIN_AT: stamp, RECONCILE_AT: stamp}}})
    note(f"{name} is asked to train again: see `scriptmodel status {name} -w`")


@click.command(cls=Command)
@name_argument
@pass_session
def suspend(session: Session, name: str) -> None:
    """Stop the pipelines of NAME. A running job is killed and starts from its first epoch later."""
    _set_suspend(session, name, suspend=True)


@click.command(cls=Command)
@name_argument
@pass_session
def resume(session: Session, name: str) -> None:
    """Start the pipelines of NAME again."""
    _set_suspend(session, name, suspend=False)


def _set_suspend(session: Session, name: str, *, suspend: bool) -> None:
    """Patch spec.suspend; say so where it has that value already."""
    next_step = f"`scriptmodel resume {name}` resumes it" if suspend else f"see `scriptmodel status {name} -w`"
    if bool(session.get(name)["spec"].get("suspend")) == suspend:
        note(f"{name} is {'already' if suspend else 'not'} suspended, nothing was changed: {next_step}")
        return
    session.patch(name, {"spec": {"suspend": suspend}})
    note(f"{name} is asked to {'stop' if suspend else 'resume'}: {next_step}")


@click.command(cls=Command)
@name_argument
@click.option(
    "--timeout", type=seconds, default="1h", show_default=True, help="Longest wait, such as 90, 90s or 1h30m."
)
@pass_session
def wait(session: Session, name: str, timeout: float) -> None:
    """Wait until NAME is ready. Exit status 1 as soon as it is stuck, or when the time is over; 3 if it is suspended.

    \b
    Example:
      kubectl apply -f thrones.yaml && scriptmodel wait thrones && scriptmodel script thrones
    """
    deadline = time.monotonic() + timeout
    found = session.get_patiently(name, _note, deadline)
    while not text.settled(found):
        late = f"{name} is not ready after {timeout:g} s: "
        if time.monotonic() > deadline:
            raise click.ClickException(late + text.condition(found).get("reason", "Pending"))
        pause()
        try:
            found = session.get_patiently(name, _note, deadline)
        except AwayError as error:
            raise click.ClickException(late + error.message) from error
    if text.suspended(found):
        raise SuspendedError(f"{name} is suspended: `scriptmodel resume {name}` goes on")
    ready = text.condition(found)
    if ready["status"] != "True":
        raise click.ClickException(f"{name} is stuck ({ready['reason']}): {ready['message']}")
    note(f"{name} is ready")


def _note(text: str) -> None:
    note(text)
