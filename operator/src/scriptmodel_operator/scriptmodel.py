"""The command `scriptmodel`, for people: looking at ScriptModels and asking for things. Also a kubectl plugin."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import yaml

from scriptmodel_operator.api.identity import RETRAIN_AT
from scriptmodel_operator.desired.pipelines import generate_ref, train_ref
from scriptmodel_operator.pachyderm.values import RepoRef
from scriptmodel_operator.terminal import text
from scriptmodel_operator.terminal.diagnosis import why as diagnosis
from scriptmodel_operator.terminal.session import Session

PREFIX = "SCRIPTMODEL"
_MAX_SCRIPT_BYTES = 1 << 30
_LOG_SECONDS = 24 * 3600.0
_POLL_SECONDS = 1.0

pass_session = click.make_pass_decorator(Session)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--kubeconfig",
    envvar=f"{PREFIX}_KUBECONFIG",
    type=click.Path(path_type=Path),
    help="Default: KUBECONFIG, else ~/.kube/config.",
)
@click.option("-n", "--namespace", default="", help="Default: the kubeconfig's.")
@click.option("--pachd", envvar=f"{PREFIX}_PACHD", default="", metavar="HOST:PORT", help="Address of pachd.")
@click.option("--pachd-token-file", envvar=f"{PREFIX}_PACHD_TOKEN_FILE", type=click.Path(path_type=Path, exists=True))
@click.option("--pachd-ca-file", envvar=f"{PREFIX}_PACHD_CA_FILE", type=click.Path(path_type=Path, exists=True))
@click.pass_context
def main(context: click.Context, /, **options: Any) -> None:
    """Look at ScriptModels, read their scripts, and find out why one is as it is."""
    context.obj = Session(
        kubeconfig=options["kubeconfig"],
        namespace=options["namespace"],
        pachd=options["pachd"],
        token_file=options["pachd_token_file"],
        ca_file=options["pachd_ca_file"],
    )


@main.command(name="list")
@click.option("-A", "--all-namespaces", is_flag=True)
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table")
@pass_session
def list_(session: Session, all_namespaces: bool, output: str) -> None:
    """List ScriptModels."""
    where = None if all_namespaces else session.where()
    found = session.ask(lambda client: client.list_scriptmodels(where))
    if output != "table":
        _structured(found, output)
    elif not found:
        click.echo(f"No ScriptModels in {where or 'any namespace'}.", err=True)
    else:
        _lines(text.list_of(found, _now(), namespaces=all_namespaces))


@main.command()
@click.argument("name")
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text")
@click.option("-w", "--watch", is_flag=True, help="Go on until it is ready or stuck.")
@pass_session
def status(session: Session, name: str, output: str, watch: bool) -> None:
    """Tell everything about NAME on one screen."""
    found = session.get(name)
    if output != "text":
        _structured(found, output)
        return
    _lines(text.status_of(found, _now()))
    while watch and not _settled(found):
        time.sleep(_POLL_SECONDS)
        found = session.get(name)
        click.clear()
        _lines(text.status_of(found, _now()))


@main.command()
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it to a file.")
@pass_session
def script(session: Session, name: str, out: Path | None) -> None:
    """Print the newest script of NAME, whole."""
    told = (session.get(name).get("status") or {}).get("script") or {}
    lineage = (session.get(name).get("status") or {}).get("lineage") or {}
    where = lineage.get("script")
    if not told or not where:
        raise click.ClickException(f"{name} has no script yet: see `scriptmodel why {name}`")
    content = str(told.get("excerpt", "")).encode()
    if len(content) < told["sizeBytes"]:
        repo = RepoRef(where["project"], where["repo"])
        with session.pachyderm(f"the whole script of {name}") as gateway:
            content = gateway.read_file(repo, where["commit"], told["path"], _MAX_SCRIPT_BYTES)
    if out is None:
        click.echo(content.decode(errors="replace"), nl=False)
        return
    try:
        out.write_bytes(content)
    except OSError as error:
        raise click.ClickException(f"cannot write {out}: {error.strerror}") from error
    click.echo(f"{len(content)} bytes in {out}", err=True)


@main.command()
@click.argument("name")
@pass_session
def why(session: Session, name: str) -> None:
    """Say why NAME is as it is, and what to do next."""
    found = session.get(name)
    _lines(diagnosis(found, session.events(found)))


@main.command()
@click.argument("name")
@click.option("-f", "--follow", is_flag=True, help="Wait for more.")
@click.option("--generate", is_flag=True, help="Of the generate job instead of training.")
@pass_session
def logs(session: Session, name: str, follow: bool, generate: bool) -> None:
    """Print the log of the newest job of NAME."""
    model = session.model(name)
    pipeline = generate_ref(model) if generate else train_ref(model)
    with session.pachyderm(f"the log of {name}") as gateway:
        jobs = gateway.list_pipeline_jobs(pipeline, 1)
        if not jobs:
            raise click.ClickException(f"pipeline {pipeline} has no job: see `scriptmodel why {name}`")
        for line in gateway.read_log(jobs[0].ref, follow=follow, seconds=_LOG_SECONDS):
            click.echo(line.text)


@main.command()
@click.argument("name")
@pass_session
def retrain(session: Session, name: str) -> None:
    """Train NAME again with the same spec."""
    stamp = datetime.now(UTC).isoformat(timespec="seconds")
    session.patch(name, {"metadata": {"annotations": {RETRAIN_AT: stamp}}})
    click.echo(f"{name} is asked to train again", err=True)


@main.command()
@click.argument("name")
@pass_session
def suspend(session: Session, name: str) -> None:
    """Stop the pipelines of NAME; a running job is killed and starts from its first epoch later."""
    session.patch(name, {"spec": {"suspend": True}})
    click.echo(f"{name} is asked to stop", err=True)


@main.command()
@click.argument("name")
@pass_session
def resume(session: Session, name: str) -> None:
    """Start the pipelines of NAME again."""
    session.patch(name, {"spec": {"suspend": False}})
    click.echo(f"{name} is asked to go on", err=True)


@main.command()
@click.argument("name")
@click.option("--timeout", type=float, default=3600, show_default=True, help="Seconds to wait at most.")
@pass_session
def wait(session: Session, name: str, timeout: float) -> None:
    """Wait until NAME is ready; fail as soon as it is stuck."""
    deadline = time.monotonic() + timeout
    found = session.get(name)
    while not _settled(found):
        if time.monotonic() > deadline:
            ready = text.condition(found)
            raise click.ClickException(f"{name} is not ready after {timeout:.0f} s: {ready.get('reason', 'Pending')}")
        time.sleep(_POLL_SECONDS)
        found = session.get(name)
    ready = text.condition(found)
    if ready["status"] != "True":
        raise click.ClickException(f"{name} is stuck ({ready['reason']}): {ready['message']}")
    click.echo(f"{name} is ready", err=True)


def _settled(found: dict[str, Any]) -> bool:
    """Ready or stuck, as of the newest spec."""
    if (found.get("status") or {}).get("observedGeneration") != found["metadata"]["generation"]:
        return False
    return "True" in (text.condition(found, kind).get("status") for kind in ("Ready", "Stalled"))


def _structured(value: Any, form: str) -> None:
    dump: Callable[[Any], str] = yaml.safe_dump if form == "yaml" else lambda each: json.dumps(each, indent=2)
    click.echo(dump(value))


def _lines(lines: list[str]) -> None:
    click.echo("\n".join(lines))


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    main()
