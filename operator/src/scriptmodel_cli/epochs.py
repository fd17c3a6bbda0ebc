"""Reads the perplexity of each epoch, from the log of the running job or from its model; status does not hold it."""

from __future__ import annotations

import json
from typing import Any

from scriptmodel_cli.logs import reported_job
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.desired.commands import METRICS_PATH
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.observe.events import parse_event
from scriptmodel_operator.observe.figures import number
from scriptmodel_operator.pachyderm.errors import NotFoundError, PachydermError
from scriptmodel_operator.pachyderm.gateway import Gateway
from scriptmodel_operator.pachyderm.values import JobInfo, JobState

_MAX_METRICS = 4 * 1024 * 1024
_READ_SECONDS = 5.0


def perplexities(gateway: Gateway, model: ScriptModel) -> list[float]:
    """Return the validation perplexities of the train job that status reports; empty before its first epoch ends."""
    job = reported_job(gateway, references(model).train)
    if job is None:
        return []
    epochs = _of_model(gateway, job) if job.state is JobState.SUCCESS else _of_log(gateway, job)
    return [figure for epoch in epochs if (figure := number(epoch.get("valid_perplexity"))) is not None]


def _of_model(gateway: Gateway, job: JobInfo) -> list[dict[str, Any]]:
    try:
        metrics = json.loads(gateway.read_file(job.ref.pipeline.output, job.ref.id, METRICS_PATH, _MAX_METRICS))
        return [epoch for epoch in metrics["epochs"] if isinstance(epoch, dict)]
    except (NotFoundError, ValueError, KeyError, TypeError):
        return []


def _of_log(gateway: Gateway, job: JobInfo) -> list[dict[str, Any]]:
    """Return the epochs of the newest attempt; each attempt begins with the event `start`."""
    found: list[dict[str, Any]] = []
    try:
        for line in gateway.read_log(job.ref, follow=False, seconds=_READ_SECONDS):
            event = parse_event(line.text) or {}
            if event.get("event") == "start":
                found = []
            elif event.get("event") == "epoch":
                found.append(event)
    except PachydermError:
        return found  # no worker yet, or its pods are gone
    return found
