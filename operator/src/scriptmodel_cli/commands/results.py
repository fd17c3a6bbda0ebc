"""Commands that read what Pachyderm has: the script and the log."""

from __future__ import annotations

from pathlib import Path

import click

from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.logs import lines_of, told_job
from scriptmodel_cli.options import name_argument
from scriptmodel_cli.output import emit, note, say
from scriptmodel_cli.program import Command
from scriptmodel_cli.session import Session, parsed
from scriptmodel_operator.desired.pipelines import generate_ref, train_ref
from scriptmodel_operator.observe.naming import with_names
from scriptmodel_operator.pachyderm.errors import RefusedError
from scriptmodel_operator.pachyderm.values import JobInfo, RepoRef

_MAX_SCRIPT_BYTES = 1 << 30
_NO_PODS = "no pods belonging"


@click.command(cls=Command)
@name_argument
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it to a file.")
@pass_session
def script(session: Session, name: str, out: Path | None) -> None:
    """Print the newest script of NAME, whole. A short one stands in the object; a longer one is in Pachyderm.

    \b
    Examples:
      scriptmodel script thrones | less
      scriptmodel script thrones --out new_script.txt
    """
    status = session.get(name).get("status") or {}
    told, where = status.get("script") or {}, (status.get("lineage") or {}).get("script")
    if not told or not where:
        raise click.ClickException(f"{name} has no script yet: see `scriptmodel why {name}`")
    content = str(told.get("excerpt", "")).encode()
    if len(content) < told["sizeBytes"]:
        repo = RepoRef(where["project"], where["repo"])
        with session.pachyderm(f"the whole script of {name}") as gateway:
            content = gateway.read_file(repo, where["commit"], told["path"], _MAX_SCRIPT_BYTES)
    if out is None:
        emit(content.decode(errors="replace"))
        return
    try:
        out.write_bytes(content)
    except OSError as error:
        raise click.ClickException(f"cannot write {out}: {error.strerror}") from error
    note(f"{len(content)} bytes in {out}")


@click.command(cls=Command)
@name_argument
@click.option("-f", "--follow", is_flag=True, help="Go on until the job ends.")
@click.option("--generate", is_flag=True, help="Of the generate job instead of training.")
@click.option("--raw", is_flag=True, help="The trainer's JSON events as they are.")
@pass_session
def logs(session: Session, name: str, follow: bool, generate: bool, raw: bool) -> None:
    """Print the log of the running job of NAME, or of the newest, the trainer's events in words.

    \b
    Examples:
      scriptmodel logs thrones -f
      scriptmodel logs thrones --raw | jq 'select(.event == "epoch")'
    """
    model = parsed(session.get(name))
    with session.pachyderm(f"the log of {name}") as gateway:
        model = with_names(model, gateway)
        pipeline = generate_ref(model) if generate else train_ref(model)
        job = told_job(gateway, pipeline)
        if job is None:
            raise click.ClickException(f"pipeline {pipeline} has no job: see `scriptmodel why {name}`")
        try:
            for line in lines_of(gateway, job.ref, follow=follow, raw=raw):
                emit(f"{line}\n") if raw else say([line])
        except RefusedError as error:
            if _NO_PODS not in error.detail:
                raise
            raise click.ClickException(_without_log(name, job)) from error


def _without_log(name: str, job: JobInfo) -> str:
    if not job.state.final:
        return f"job {job.ref.id} waits for a worker and has printed nothing yet: -f waits for it"
    return (
        f"the log of job {job.ref.id} ({job.state.name}) is gone with its pods, which Pachyderm removes soon after a "
        f"job ends; `scriptmodel why {name}` has the last words of one that failed"
    )
