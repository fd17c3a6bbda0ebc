"""Reads a training and its results from Pachyderm: the epochs so far, logs, scripts and their files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scriptmodel_cli.logs import describe_line, kept_lines, lines_of, reported_job, training_job
from scriptmodel_cli.ui.model import Place
from scriptmodel_cli.web.training import Curve, Epoch, curve_of, epoch_of
from scriptmodel_operator.api.objects import ScriptModel
from scriptmodel_operator.desired.commands import GENERATION_PATH, METRICS_PATH
from scriptmodel_operator.desired.references import references
from scriptmodel_operator.observe.untrusted import parse_event
from scriptmodel_operator.pachyderm.errors import PachydermError
from scriptmodel_operator.pachyderm.gateway import Gateway
from scriptmodel_operator.pachyderm.values import JobInfo

_MAX_FILE_BYTES = 8 << 20
_MODEL_PATH = "/model.json"
_LOG_LINES = 300
_LAST_LINES = 3
_TAIL_BYTES = 1 << 20
_SCRIPT_FILE = re.compile(r"/new_script(?:\.(?P<number>\d+))?\.(?P<form>[a-z]+)")
"""A sample of a script: its number, none for the first, and its format."""


@dataclass(frozen=True)
class Training:
    """The job that status reports, of train or of generate."""

    job: str = ""
    curve: Curve = field(default_factory=Curve)
    lines: tuple[str, ...] = ()
    """The last lines of its log, events in words."""


@dataclass(frozen=True)
class Sample:
    """A sample of a script, with the path of each of its formats."""

    number: int
    text: str
    forms: Mapping[str, str]
    words: int = 0
    """0 if they are not recorded."""
    verdict: str = ""


def training(gateway: Gateway, model: ScriptModel) -> Training:
    """Return the job that is running, else the newest one; of a search the one that made its best model."""
    job = training_job(gateway, references(model))
    if job is None:
        return Training()
    kept = kept_lines(gateway, job, raw=True)
    if kept is not None:
        found = read_log(job.ref.id, kept)
        done = epochs(gateway, Place(job.ref.pipeline.output, job.ref.id))
        return Training(found.job, Curve(done) if done else found.curve, found.lines)
    return _running(gateway, job)


def generation(gateway: Gateway, model: ScriptModel) -> Training:
    """Return the generate job that is running, else the newest one."""
    job = reported_job(gateway, references(model).generate)
    return _running(gateway, job) if job else Training()


def _running(gateway: Gateway, job: JobInfo) -> Training:
    try:
        return read_log(job.ref.id, lines_of(gateway, job.ref, follow=False, raw=True))
    except PachydermError:  # no worker yet, or its pods are gone
        return Training(job.ref.id)


def read_log(job: str, lines: Iterable[str]) -> Training:
    """Return what a log says."""
    kept = list(lines)
    events = (event for line in kept if (event := parse_event(line)))
    curve = curve_of(event for event in events if "trial" not in event)  # runs of a search are side by side in it
    return Training(job, curve, tuple(map(describe_line, kept[-_LOG_LINES:])))


def epochs(gateway: Gateway, place: Place) -> tuple[Epoch, ...]:
    """Return the epochs of a finished model."""
    found = _json(gateway, place, METRICS_PATH).get("epochs")
    return tuple(epoch_of(each) for each in found if isinstance(each, dict)) if isinstance(found, list) else ()


def curve_at(gateway: Gateway, place: Place | None, model: ScriptModel) -> Curve:
    """Return the curve of a finished model, or that of the train job without a place."""
    return Curve(epochs(gateway, place)) if place else training(gateway, model).curve


def trained_with(gateway: Gateway, place: Place) -> dict[str, Any]:
    """Return the settings of a finished model, with those that `auto` chose."""
    found = _json(gateway, place, _MODEL_PATH)
    parameters = found.get("parameters")
    chosen: dict[str, Any] = {key: found[key] for key in ("preset", "seed", "temperature") if key in found}
    return chosen | (parameters if isinstance(parameters, dict) else {})


def last_lines(gateway: Gateway, place: Place, path: str) -> tuple[str, ...]:
    """Return the last lines of a script."""
    text = gateway.read_file(place.repo, place.commit, path, _TAIL_BYTES).decode(errors="replace")
    return tuple([line for line in text.splitlines() if line.strip()][-_LAST_LINES:])


def read_samples(gateway: Gateway, place: Place, chosen: int) -> tuple[list[int], list[Sample]]:
    """Return the numbers of a commit's samples, and the chosen one; 0 chooses all."""
    known: dict[int, dict[str, str]] = {}
    for path in sorted(gateway.walk_files(place.repo, place.commit)):
        if match := _SCRIPT_FILE.fullmatch(path):
            known.setdefault(int(match["number"] or 1), {})[match["form"]] = path
    try:
        entries = _json(gateway, place, GENERATION_PATH)["samples"]
        scores = [each.get("score") or {} for each in entries]
        recorded = {
            str(each["file"]): (int(each["words"]), str(score.get("verdict", "")))
            for each, score in zip(entries, scores, strict=True)
        }
    except (PachydermError, ValueError, LookupError, TypeError, AttributeError):  # an older trainer, or another image
        recorded = {}
    samples = []
    for number, forms in sorted(known.items()):
        path = forms.get("txt", "")
        if path and chosen in (0, number):
            text = gateway.read_file(place.repo, place.commit, path, _MAX_FILE_BYTES).decode(errors="replace")
            samples.append(Sample(number, text, forms, *recorded.get(path[1:], ())))
    return sorted(known), samples


def _json(gateway: Gateway, place: Place, path: str) -> dict[str, Any]:
    found = json.loads(gateway.read_file(place.repo, place.commit, path, _MAX_FILE_BYTES))
    return found if isinstance(found, dict) else {}
