"""The commands that need Kubernetes alone: `list`, `status`, `why`, `retrain`, `suspend` and `resume`."""

import click

from scriptmodel_cli import text
from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.diagnosis import diagnosis, events_path, pods_path
from scriptmodel_cli.live import Live
from scriptmodel_cli.options import check_ready, name_argument, now
from scriptmodel_cli.output import note, say
from scriptmodel_cli.program import Command
from scriptmodel_cli.screen import line_of, screen_of
from scriptmodel_cli.session import Session, pause
from scriptmodel_operator.api.identity import RECONCILE_AT, RETRAIN_AT


@click.command("list", cls=Command)
@click.option("-A", "--all-namespaces", is_flag=True, help="List all namespaces.")
@pass_session
def list_(session: Session, all_namespaces: bool) -> None:
    """List ScriptModels with the columns of `kubectl get scriptmodels`, which has them in other formats, too."""
    where = None if all_namespaces else session.where()
    if not (found := session.all_of(lambda client: client.table_of_scriptmodels(where)))["rows"]:
        place = f"namespace {where!r}: see `scriptmodel list -A`" if where else "any namespace"
        note(f"No ScriptModels found in {place}.")
    else:
        say(text.list_of(found, namespaces=all_namespaces))


@click.command(cls=Command)
@name_argument
@click.option("-w", "--watch", is_flag=True, help="Watch until it is ready, stalled or suspended.")
@pass_session
def status(session: Session, name: str, watch: bool) -> None:
    """Show the full status of NAME: progress, perplexity, lineage and the beginning of the script.

    Exit status of -w: 0 ready, 1 stalled, 3 suspended.

    \b
    Example:
      scriptmodel status thrones -w
    """
    live = Live()
    found = session.get_with_retry(name, live.note) if watch else session.get(name)
    _note_unwatched(session, found)
    if not watch:
        say(screen_of(found, now()))
        return
    live.show(line_of(found), now())
    while not text.is_settled(found):
        pause()
        found = session.get_with_retry(name, live.note)
        live.show(line_of(found), now())
    live.end()
    check_ready(found)


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
    _note_unwatched(session, found)
    events = session.items("events", events_path(found))
    where = pods_path(found)
    say(diagnosis(found, now(), events=events, pods=session.items("worker pods", where) if where else ()))


def _note_unwatched(session: Session, found: text.Object) -> None:
    """Say why no operator observes an object, where the reason is the namespace."""
    if not text.is_observed(found) and (reason := session.access.unwatched):
        note(reason)


@click.command(cls=Command)
@name_argument
@pass_session
def retrain(session: Session, name: str) -> None:
    """Train NAME again with the same spec, for instance after a failure of a node.

    A running job is killed and training restarts at the first epoch. The last script stays until a new one is written.
    """
    stamp = now().isoformat(timespec="microseconds")
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
