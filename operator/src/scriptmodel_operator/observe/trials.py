"""Reads what the runs of a search came to, from the output of training. Any image may have written it: nothing in it is
trusted. What was trained is read from the repo of trials, which the operator writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator
from pydantic.alias_generators import to_camel

from scriptmodel_operator.desired.search import TRIAL_FILE, RunInput, RunResult
from scriptmodel_operator.observe.files import Count, Figure
from scriptmodel_operator.observe.untrusted import short_text
from scriptmodel_operator.pachyderm.errors import NotFoundError
from scriptmodel_operator.pachyderm.gateway import Gateway
from scriptmodel_operator.pachyderm.values import RepoRef

_MAX_FILE = 1024 * 1024
_LONGEST_MESSAGE = 1000
_REASONS = ("", "diverged", "out-of-memory", "bad-input", "killed", "error")
Place = tuple[RepoRef, str]
"""A repo and a commit."""


class _Given(BaseModel):
    """trial.json in the repo of trials."""

    parameters: dict[str, str]
    seed: int
    share: str
    of: str = ""


class TrialFile(BaseModel):
    """The record of a run: trial.json in the output of training, or the event at its end."""

    state: Literal["paused", "complete", "failed"]
    reason: Annotated[str, BeforeValidator(lambda value: value if value in _REASONS else "error")] = ""
    message: Annotated[str, BeforeValidator(lambda value: short_text(value, _LONGEST_MESSAGE))] = ""
    epochs: Count = None
    epochs_total: Count = None
    value: Figure = None
    perplexity: Figure = None
    seconds: Figure = None
    gpu_seconds: Figure = None

    def result(self, given: RunInput) -> RunResult:
        """Return it as the result of the run that trained what is `given`."""
        return RunResult(given, **self.model_dump())


def read_results(gateway: Gateway, trials: Place, output: Place) -> Mapping[str, RunResult]:
    """Return the result of each run of a finished job by its folder.

    `trials` is the commit that the job read, `output` the one that it made. A run without a valid record has failed.
    """
    found = {}
    for path in sorted(gateway.walk_files(*trials)):
        folder, _, name = path.strip("/").rpartition("/")
        given = _given(gateway, trials, path) if folder and name == TRIAL_FILE else None
        if given is not None:
            found[folder] = _result(gateway, output, path, given)
    return found


def _given(gateway: Gateway, place: Place, path: str) -> RunInput | None:
    """Return what a run trained; None if somebody else wrote the file."""
    try:
        read = _Given.model_validate_json(gateway.read_file(*place, path, _MAX_FILE))
    except (NotFoundError, ValueError):
        return None
    return RunInput({to_camel(name): text for name, text in read.parameters.items()}, read.seed, read.share, read.of)


def _result(gateway: Gateway, place: Place, path: str, given: RunInput) -> RunResult:
    try:
        return TrialFile.model_validate_json(gateway.read_file(*place, path, _MAX_FILE)).result(given)
    except (NotFoundError, ValueError):
        return RunResult(given, "failed", "error", f"{path} has no valid record of the run; is it a trainer's image?")
