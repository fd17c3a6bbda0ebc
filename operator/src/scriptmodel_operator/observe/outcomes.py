"""Reads what the runs of a search train, and what they have come to. A run without a valid record has failed."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

from pydantic import model_validator

from scriptmodel_operator.engine.values import RepoRef
from scriptmodel_operator.observe.progress import LogDigest
from scriptmodel_operator.observe.results import Place, Results
from scriptmodel_operator.search.trials import TRIAL_FILE, Figures, RunInput, RunResult

_MAX_TRIAL = 1024 * 1024
_LEAST = {"value": 1e-9, "perplexity": 1.0}
"""Lower bounds of the figures of a run. Only a model that is certain of each word has perplexity 1."""


class TrialRecord(Figures):
    """trial.json in the output of a run of a search, and the event `trial` at its end."""

    state: Literal["complete", "failed"]

    @model_validator(mode="before")
    @classmethod
    def _without_impossible_figures(cls, data: Any) -> Any:
        """Fail a run with impossible figures, which would win."""
        known = data if isinstance(data, dict) else {}
        for name, least in _LEAST.items():
            value = known.get(name)
            if known.get("state") != "failed" and isinstance(value, int | float) and not value >= least:
                message = f"it reports {name} {value:g}, which no model reaches; is the image a trainer's?"
                return {"state": "failed", "reason": "error", "message": message}
        return data


def ended(log: LogDigest) -> TrialRecord | None:
    """Return what a run has logged of its end; None before it."""
    with suppress(ValueError):
        return TrialRecord.model_validate(log.ended) if log.ended else None
    return None


def inputs(results: Results, repo: RepoRef, commit: str) -> Mapping[str, RunInput]:
    """Return what each run in a commit trains, by folder; files of others are skipped."""

    def read() -> Mapping[str, RunInput]:
        found = {}
        for name, content in _trial_files(results, repo, commit).items():
            with suppress(ValueError):
                found[name] = RunInput.model_validate_json(content)
        return found

    return results.cached("inputs", repo, commit, read)


def outcomes(results: Results, trials: Place, output: Place) -> tuple[dict[str, RunResult], str]:
    """Return the results of a train job by the folder of the run, and their digest (`select --of`).

    The job read `trials` and wrote `output`.
    """

    def read() -> tuple[dict[str, RunResult], str]:
        records = _trial_files(results, *output)
        found = {name: _result(records.get(name, b""), given, name) for name, given in inputs(results, *trials).items()}
        return found, hashlib.sha256(b"".join(records.values())).hexdigest()

    return results.cached("runs", *output, read)


def _trial_files(results: Results, repo: RepoRef, commit: str) -> Mapping[str, bytes]:
    """Return the trial.json of each folder, sorted by folder."""
    found = results.gateway.read_files(repo, commit, f"/*/{TRIAL_FILE}", _MAX_TRIAL)
    return dict(sorted((path.split("/")[1], content) for path, content in found.items()))


def _result(record: bytes, given: RunInput, folder: str) -> RunResult:
    try:
        return RunResult(given=given, **TrialRecord.model_validate_json(record).model_dump())
    except ValueError:
        message = f"/{folder}/{TRIAL_FILE} has no valid record of the run; is the image a trainer's?"
        return RunResult(given=given, state="failed", reason="error", message=message)
