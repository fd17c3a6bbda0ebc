"""The commands that read the engine: `script`, `report` and `logs`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.errors import InputError
from scriptmodel_cli.logs import in_words, lines_of, reported_job
from scriptmodel_cli.options import format_option, name_argument, result_options
from scriptmodel_cli.output import emit, say, write_result
from scriptmodel_cli.program import Command
from scriptmodel_cli.scripts import TEXT, read_script, samples_of, suffix_of
from scriptmodel_cli.session import Session, parsed
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.engine.errors import NotFoundError, RefusedError
from scriptmodel_operator.engine.values import JobInfo, commit_of, folder_of

_NO_PODS = "no pods belonging"
_MAX_REPORT_BYTES = 64 << 20


@click.command(cls=Command)
@name_argument
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Print sample N [default: 1].")
@click.option("--all", "every", is_flag=True, help="Print all samples.")
@format_option
@result_options
@pass_session
def script(
    session: Session,
    name: str,
    sample: int | None,
    every: bool,
    form: str | None,
    out: Path | None,
    force: bool,
) -> None:
    """Print the newest script of NAME. A short text is read from the status, all others from Pachyderm.

    \b
    Examples:
      scriptmodel script thrones | less
      scriptmodel script thrones --out new_script.fountain   # or .fdx, or .html to print
      scriptmodel script thrones --sample 2          # after spec.generation.samples: 3
    """
    if sample and every:
        raise click.UsageError("--sample and --all are mutually exclusive")
    suffix = suffix_of(form, out)
    if every and suffix != TEXT:
        raise click.UsageError(f"--all joins texts, and a file {suffix} holds one script: use --sample N")
    model = session.get(name)
    status = model.get("status") or {}
    found, where = status.get("script") or {}, (status.get("lineage") or {}).get("script")
    if not found or not where:
        raise click.ClickException(f"{name} has no script yet: see `scriptmodel why {name}`")
    content = b"\n".join(_samples(session, name, found, where, None if every else sample or 1, suffix))
    write_result(content, out, force=force)


def _samples(
    session: Session, name: str, found: Mapping[str, Any], where: str, sample: int | None, suffix: str
) -> list[bytes]:
    """Return one sample, or all. Raises InputError if the sample does not exist."""
    excerpt = str(found.get("excerpt", "")).encode()
    if sample == 1 and suffix == TEXT and len(excerpt) >= found["sizeBytes"]:
        return [excerpt]
    repo, commit = commit_of(where)
    with session.engine(f"the script of {name}") as gateway:
        paths = samples_of(gateway, repo, commit)
        if sample is not None and sample not in paths:
            known = ", ".join(map(str, paths))
            raise InputError(f"{name} has no sample {sample}: it has {known or 'none'}; raise spec.generation.samples")
        numbers = list(paths) if sample is None else [sample]
        return [read_script(gateway, repo, commit, paths[number], suffix) for number in numbers]


@click.command(cls=Command)
@name_argument
@result_options
@pass_session
def report(session: Session, name: str, out: Path | None, force: bool) -> None:
    """Print the HTML report of the newest model of NAME: its perplexity curves and settings.

    \b
    Example:
      scriptmodel report thrones --out report.html
    """
    where = ((session.get(name).get("status") or {}).get("lineage") or {}).get("model")
    if not where:
        raise click.ClickException(f"{name} has no model yet: see `scriptmodel why {name}`")
    with session.engine(f"the report of {name}") as gateway:
        repo, commit = commit_of(where)
        try:
            page = gateway.read_file(repo, commit, folder_of(where) + "/report.html", _MAX_REPORT_BYTES)
        except NotFoundError as error:
            raise click.ClickException(
                f"the model of {name} has no report: its image is not a scriptmodel trainer, or the commit is gone; "
                f"`scriptmodel retrain {name}` trains a new one (model {short_id(commit)})"
            ) from error
    write_result(page, out, force=force)


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
    found = session.get(name)
    refs, model = references(parsed(found)), ((found.get("status") or {}).get("lineage") or {}).get("model", "")
    with session.engine(f"the log of {name}") as gateway:
        job = reported_job(gateway, refs.generate if generate else refs.train)
        if job is None:
            what = refs.generate if generate else refs.train
            raise click.ClickException(f"{what} has no job yet: see `scriptmodel why {name}`")
        try:
            for line in lines_of(gateway, job, model, follow=follow):
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
