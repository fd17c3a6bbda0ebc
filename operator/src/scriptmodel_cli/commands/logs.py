"""The command `logs`."""

import click

from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.logs import kept_lines, lines_of, reported_job, training_job
from scriptmodel_cli.options import name_argument
from scriptmodel_cli.output import emit, say
from scriptmodel_cli.program import Command
from scriptmodel_cli.session import Session, parsed
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.engine.errors import NotFoundError, RefusedError
from scriptmodel_operator.engine.values import JobInfo

_NO_PODS = "no pods belonging"


@click.command(cls=Command)
@name_argument
@click.option("-f", "--follow", is_flag=True, help="Follow the log until the job ends.")
@click.option("--generate", is_flag=True, help="Print the log of the generate job instead of the training.")
@click.option("--raw", is_flag=True, help="Print the trainer's JSON events unchanged.")
@pass_session
def logs(session: Session, name: str, follow: bool, generate: bool, raw: bool) -> None:
    """Print the log of the running job of NAME, else of the newest one, with the trainer's events in words.

    After the pods are gone, the log of a finished training is read from its model, and of a search that of the best.

    \b
    Examples:
      scriptmodel logs thrones -f
      scriptmodel logs thrones --raw | jq 'select(.event == "epoch")'
    """
    model = parsed(session.get(name))
    with session.engine(f"the log of {name}") as gateway:
        refs = references(model)
        pipeline = refs.generate if generate else refs.train
        job = reported_job(gateway, pipeline)
        if job is None:
            raise click.ClickException(f"{pipeline} has no job yet: see `scriptmodel why {name}`")
        try:
            for line in lines_of(gateway, job.ref, follow=follow, raw=raw):
                emit(f"{line}\n") if raw else say([line])
        except (NotFoundError, RefusedError) as error:
            if isinstance(error, RefusedError) and _NO_PODS not in error.detail:
                raise
            kept = None if generate else kept_lines(gateway, training_job(gateway, refs) or job, raw=raw)
            if kept is None:
                raise click.ClickException(_without_log(name, job)) from error
            for line in kept:
                emit(f"{line}\n") if raw else say([line])


def _without_log(name: str, job: JobInfo) -> str:
    if not job.state.final:
        return f"the job has no worker yet: use -f to wait for its log (job {short_id(job.ref.id)})"
    return (
        "the log was removed with its pods, soon after the job ended; "
        f"`scriptmodel why {name}` shows the last lines of a failed one (job {short_id(job.ref.id)}, {job.state.name})"
    )
