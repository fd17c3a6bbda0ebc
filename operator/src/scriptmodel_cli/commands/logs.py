"""The command `logs`."""

import click

from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.logs import in_words, lines_of, reported_job, training_job
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

    The log of a finished training is read from its model, and of a search that of the best.

    \b
    Examples:
      scriptmodel logs thrones -f
      scriptmodel logs thrones --raw | jq 'select(.event == "epoch")'
    """
    model = parsed(session.get(name))
    with session.engine(f"the log of {name}") as gateway:
        refs = references(model)
        job = reported_job(gateway, refs.generate) if generate else training_job(gateway, refs)
        if job is None:
            what = refs.generate if generate else refs.train
            raise click.ClickException(f"{what} has no job yet: see `scriptmodel why {name}`")
        try:
            for line in lines_of(gateway, job, follow=follow):
                if not raw:
                    say([in_words(line)])
                elif not line.verdict:
                    emit(f"{line.text}\n")
        except (NotFoundError, RefusedError) as error:
            if isinstance(error, RefusedError) and _NO_PODS not in error.detail:
                raise
            raise click.ClickException(_without_log(name, job)) from error


def _without_log(name: str, job: JobInfo) -> str:
    if not job.state.final:
        return f"the job has no worker yet: use -f to wait for its log (job {short_id(job.ref.id)})"
    return (
        "the log was removed with its pods, soon after the job ended; "
        f"`scriptmodel why {name}` shows the last lines of a failed one (job {short_id(job.ref.id)}, {job.state.name})"
    )
