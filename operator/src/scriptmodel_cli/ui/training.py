"""Reads a training and its results from Pachyderm: the epochs so far, the log, scripts and their files."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scriptmodel_cli.logs import describe_line, kept_lines, lines_of, newest_jobs, reported_job
from scriptmodel_cli.ui.names import Place
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.desired.commands import GENERATION_PATH, METRICS_PATH
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.observe.untrusted import number, parse_event
from scriptmodel_operator.pachyderm.errors import PachydermError
from scriptmodel_operator.pachyderm.gateway import Gateway
from scriptmodel_operator.pachyderm.values import JobInfo, StoredFile

MAX_FILE_BYTES = 8 << 20
_LOG_LINES = 300
_LAST_LINES = 3
_TAIL_BYTES = 1 << 20
_JOBS = 3
SCRIPT_FILE = re.compile(r"/new_script(?:\.(?P<number>\d+))?\.(?P<form>[a-z]+)")
"""A sample of a script: its number, none for the first, and its format."""


@dataclass(frozen=True)
class Epoch:
    """The figures of a finished epoch."""

    epoch: int
    train: float | None
    valid: float | None
    sample: str = ""
    """A line that the model wrote after it."""


@dataclass(frozen=True)
class Training:
    """The train job that status reports."""

    job: str = ""
    epochs: tuple[Epoch, ...] = ()
    running: tuple[tuple[float, float], ...] = ()
    """Epochs done, with a fraction, and the mean training perplexity of the epoch in progress so far.

    Of the first epoch all values; later only the newest, since each mean starts anew.
    """
    lines: tuple[str, ...] = ()
    """The last lines of its log, events in words."""


def training(gateway: Gateway, model: ScriptModel) -> Training:
    """Return the job that is running, else the newest one."""
    job = reported_job(gateway, references(model).train)
    if job is None:
        return Training()
    kept = kept_lines(gateway, job, raw=True)
    if kept is not None:
        found = digest(job.ref.id, kept)
        return Training(
            found.job, epochs(gateway, Place(job.ref.pipeline.output, job.ref.id)) or found.epochs, (), found.lines
        )
    try:
        return digest(job.ref.id, lines_of(gateway, job.ref, follow=False, raw=True))
    except PachydermError:  # no worker yet, or its pods are gone
        return Training(job.ref.id)


def digest(job: str, lines: Iterable[str]) -> Training:
    """Return what a log says of its newest attempt; each attempt begins with the event `start`."""
    done: list[Epoch] = []
    running: list[tuple[float, float]] = []
    shown: deque[str] = deque(maxlen=_LOG_LINES)
    for line in lines:
        event = parse_event(line) or {}
        shown.append(describe_line(line))
        if event.get("event") == "start" and not event.get("resumed_from"):
            done, running = [], []
        elif event.get("event") == "epoch":
            done.append(_epoch(event))
            running = []
        elif event.get("event") == "progress":
            at, figure = (number(event.get(key)) for key in ("epoch", "perplexity"))
            if at and figure:
                running = [] if done else running
                running.append((at - 1 + (number(event.get("fraction")) or 0.0), figure))
    return Training(job, tuple(done), tuple(running), tuple(shown))


def epochs(gateway: Gateway, place: Place) -> tuple[Epoch, ...]:
    """Return the epochs of a finished model."""
    found = _json(gateway, place, METRICS_PATH).get("epochs")
    return tuple(_epoch(each) for each in found if isinstance(each, dict)) if isinstance(found, list) else ()


def _epoch(found: Mapping[str, Any]) -> Epoch:
    at, train, valid = (number(found.get(key)) for key in ("epoch", "train_perplexity", "valid_perplexity"))
    return Epoch(int(at or 0), train, valid, str(found.get("sample") or ""))


def jobs(gateway: Gateway, model: ScriptModel) -> list[JobInfo]:
    """Return the newest jobs of both pipelines."""
    refs = references(model)
    return [job for pipeline in (refs.train, refs.generate) for job in newest_jobs(gateway, pipeline, _JOBS)]


def last_lines(gateway: Gateway, place: Place, path: str) -> tuple[str, ...]:
    """Return the last lines of a script."""
    text = gateway.read_file(place.repo, place.commit, path, _TAIL_BYTES).decode(errors="replace")
    return tuple([line for line in text.splitlines() if line.strip()][-_LAST_LINES:])


def files(gateway: Gateway, place: Place) -> Mapping[str, StoredFile]:
    """Return the files of a commit by path."""
    return dict(sorted(gateway.walk_files(place.repo, place.commit).items()))


def text_file(gateway: Gateway, place: Place, path: str) -> str:
    """Return the beginning of a text file."""
    return gateway.read_file(place.repo, place.commit, path, MAX_FILE_BYTES).decode(errors="replace")


def samples(found: Mapping[str, StoredFile]) -> dict[int, dict[str, str]]:
    """Return the paths of a commit's samples by number and format."""
    by_number: dict[int, dict[str, str]] = {}
    for path in found:
        if match := SCRIPT_FILE.fullmatch(path):
            by_number.setdefault(int(match["number"] or 1), {})[match["form"]] = path
    return dict(sorted(by_number.items()))


def generation_record(gateway: Gateway, place: Place) -> dict[str, Any]:
    """Return what the trainer recorded about a commit of scripts."""
    return _json(gateway, place, GENERATION_PATH)


def _json(gateway: Gateway, place: Place, path: str) -> dict[str, Any]:
    found = json.loads(gateway.read_file(place.repo, place.commit, path, MAX_FILE_BYTES))
    return found if isinstance(found, dict) else {}
