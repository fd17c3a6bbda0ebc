"""Reads a training from Pachyderm: its perplexity by epoch, which the status does not hold, and its log."""

import json
from contextlib import suppress
from dataclasses import dataclass, field

from scriptmodel_cli.logs import describe_line, lines_of, reported_job, training_job
from scriptmodel_cli.session import parsed
from scriptmodel_cli.text import Object
from scriptmodel_cli.web.training import Curve, Epoch, curve_of, epoch_of
from scriptmodel_operator.api.untrusted import parse_event
from scriptmodel_operator.desired.command_lines import METRICS_PATH
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.engine.errors import EngineError, NotFoundError
from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.engine.values import JobInfo, JobState, RepoRef

_READ_SECONDS = 5.0
_MAX_BYTES = 8 << 20
_LINES = 300


@dataclass(frozen=True)
class Training:
    """A job of train or of generate, which has no curve; none before there is one."""

    job: str = ""
    curve: Curve = field(default_factory=Curve)
    lines: tuple[str, ...] = ()
    """The last lines of its log, events in words."""


def training(gateway: Gateway, found: Object) -> Training:
    """Return the train job that status reports: the running one, else the newest; of many runs that of the best."""
    return _read(gateway, training_job(gateway, references(parsed(found))))


def generation(gateway: Gateway, found: Object) -> Training:
    return _read(gateway, reported_job(gateway, references(parsed(found)).generate))


def _read(gateway: Gateway, job: JobInfo | None) -> Training:
    if job is None:
        return Training()
    lines: list[str] = []
    with suppress(EngineError):  # no worker yet, or its pods are gone
        for line in lines_of(gateway, job, seconds=_READ_SECONDS):
            lines += [line.text] if not line.verdict else []
    done = epochs(gateway, job.ref.pipeline.output, job.ref.id) if job.state is JobState.SUCCESS else ()
    events = (event for line in lines if (event := parse_event(line)))
    curve = curve_of(event for event in events if "trial" not in event)  # many runs are side by side in it
    return Training(job.ref.id, Curve(done) if done else curve, tuple(map(describe_line, lines[-_LINES:])))


def epochs(gateway: Gateway, repo: RepoRef, commit: str) -> tuple[Epoch, ...]:
    """Return the epochs of a finished model; none if it has no record of them."""
    try:
        found = json.loads(gateway.read_file(repo, commit, METRICS_PATH, _MAX_BYTES))["epochs"]
        return tuple(map(epoch_of, found))
    except (NotFoundError, ValueError, LookupError, TypeError, AttributeError):  # such as that of another image
        return ()
