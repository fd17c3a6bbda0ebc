"""Reads the perplexity of each epoch, from the log of the running job or from its model; status does not hold it."""

from __future__ import annotations

from scriptmodel_cli.logs import reported_job
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.observe.results import Results
from scriptmodel_operator.observe.untrusted import number, parse_event
from scriptmodel_operator.pachyderm.errors import PachydermError
from scriptmodel_operator.pachyderm.gateway import Gateway
from scriptmodel_operator.pachyderm.values import JobInfo, JobState, RepoRef

_READ_SECONDS = 5.0


def perplexities(gateway: Gateway, model: ScriptModel) -> list[float]:
    """Return the validation perplexities of the train job that status reports; empty before its first epoch ends."""
    refs = references(model)
    job = reported_job(gateway, refs.train)
    if job is None:
        return []
    epochs = _of_model(gateway, refs.model.repo, job) if job.state is JobState.SUCCESS else _of_log(gateway, job)
    return [figure for figure in epochs if figure is not None]


def _of_model(gateway: Gateway, repo: RepoRef, job: JobInfo) -> list[float | None]:
    metrics = Results(gateway, lambda: 1).metrics(repo, job.ref.id)
    return [epoch.valid_perplexity for epoch in metrics.epochs] if metrics else []


def _of_log(gateway: Gateway, job: JobInfo) -> list[float | None]:
    """Return the figures of the newest attempt; each attempt begins with the event `start`."""
    found: list[float | None] = []
    try:
        for line in gateway.read_log(job.ref, follow=False, seconds=_READ_SECONDS):
            event = parse_event(line.text) or {}
            if "trial" in event:
                return []  # runs of a search are side by side
            if event.get("event") == "start":
                found = []
            elif event.get("event") == "epoch":
                found.append(number(event.get("valid_perplexity")))
    except PachydermError:
        return found  # no worker yet, or its pods are gone
    return found
