"""The command `why`."""

from collections.abc import Sequence

import click

from scriptmodel_cli.connection import pass_session
from scriptmodel_cli.diagnosis import as_value, events_path, pods_path
from scriptmodel_cli.diagnosis import why as diagnosis
from scriptmodel_cli.logs import newest_jobs
from scriptmodel_cli.options import name_argument, now, output_option
from scriptmodel_cli.output import note, say, say_value
from scriptmodel_cli.program import Command
from scriptmodel_cli.session import Session, parsed
from scriptmodel_cli.text import Object, age
from scriptmodel_operator.api.conditions import one_line, timestamp
from scriptmodel_operator.api.safe_text import short_id
from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.engine.values import JobInfo, PipelineRef

_JOBS = 3
_WIDEST_REASON = 110


@click.command(cls=Command)
@name_argument
@output_option("text", names=False)
@pass_session
def why(session: Session, name: str, output: str) -> None:
    """Explain the state of NAME and suggest the next step.

    The verdict and the next step come first, then the evidence: stages, pipelines, worker pods, events, and where
    pachd is known, the newest jobs.

    \b
    Example:
      scriptmodel why thrones
    """
    found = session.get(name)
    names = [str(each["name"]) for each in (found.get("status") or {}).get("pipelines") or []]
    events = session.items("events", events_path(found))
    jobs = _jobs(session, found, names)
    pods = session.items("worker pods", pods_path(found, names)) if names else []
    if output == "text":
        say(diagnosis(found, now(), events=events, jobs=jobs, pods=pods))
    else:
        say_value(as_value(found, events=events, jobs=jobs, pods=pods), output)


def _jobs(session: Session, found: Object, names: list[str]) -> list[tuple[str, ...]]:
    if not names or not session.finds_engine():
        return []
    try:
        with session.engine("the list of jobs") as gateway:
            return jobs_of(gateway, found, names)
    except click.ClickException as error:
        note(f"jobs: {error.message}")
        return []


def jobs_of(gateway: Gateway, found: Object, names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the cells of JOB_HEADERS for the newest jobs of some pipelines."""
    project = parsed(found).spec.pachyderm.project
    return [_row(job) for name in names for job in newest_jobs(gateway, PipelineRef(project, name), _JOBS)]


def _row(job: JobInfo) -> tuple[str, ...]:
    created = age(timestamp(job.created), now()) if job.created else ""
    of = job.ref.pipeline.name.rpartition("-")[2]
    return short_id(job.ref.id), of, str(job.version), job.state.name, created, one_line(job.reason, _WIDEST_REASON)
