"""Reads the results of the runs of a search, from the output of training and from its log. Any image may have written
these: nothing in them is trusted. What was trained is read from the repo of trials, which the operator writes.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from scriptmodel_operator.api.search import Search
from scriptmodel_operator.desired.search import (
    TRIAL_FILE,
    RunInput,
    RunResult,
    Standing,
    best_first,
    plan,
    standings,
)
from scriptmodel_operator.observe.files import TrialRecord
from scriptmodel_operator.observe.progress import LogDigest
from scriptmodel_operator.pachyderm.gateway import Gateway
from scriptmodel_operator.pachyderm.values import RepoRef

_FILES = f"/*/{TRIAL_FILE}"
_MAX_FILE = 1024 * 1024
Place = tuple[RepoRef, str]
"""A repo and a commit."""


class _Given(BaseModel):
    """trial.json in the repo of trials."""

    parameters: dict[str, str]
    seed: int
    share: str
    of: str = ""

    def input(self) -> RunInput:
        values = {to_camel(name): text for name, text in self.parameters.items()}
        return RunInput(values, self.seed, self.share, self.of)


def read_results(gateway: Gateway, trials: Place, output: Place) -> tuple[Mapping[str, RunResult], str]:
    """Return the result of each run of a finished job by its folder, and a digest of all (`select --of`).

    `trials` is the commit that the job read, `output` the one that it made. A run without a valid record has failed.
    """
    records = {path.split("/")[1]: text for path, text in gateway.read_files(*output, _FILES, _MAX_FILE).items()}
    results = {
        folder: _result(records.get(folder, b""), given, folder)
        for folder, given in read_inputs(gateway, trials).items()
    }
    return results, hashlib.sha256(b"".join(records[folder] for folder in sorted(records))).hexdigest()


def read_inputs(gateway: Gateway, trials: Place) -> Mapping[str, RunInput]:
    """Return what each run of a commit of the repo of trials trains, by its folder; others' files are left out."""
    found = {}
    for path, content in sorted(gateway.read_files(*trials, _FILES, _MAX_FILE).items()):
        try:
            found[path.split("/")[1]] = _Given.model_validate_json(content).input()
        except ValueError:
            continue
    return found


def _result(record: bytes, given: RunInput, folder: str) -> RunResult:
    try:
        return TrialRecord.model_validate_json(record).result(given)
    except ValueError:
        message = f"/{folder}/{TRIAL_FILE} has no valid record of the run; is the image a trainer's?"
        return RunResult(given=given, state="failed", reason="error", message=message)


def leaderboard(
    search: Search, seed: int, results: Mapping[str, RunResult], of: str, runs: Mapping[str, LogDigest]
) -> tuple[Standing, ...]:
    """Return the trials, best first, with what the log of the running job says of its `runs`."""
    given = {each.name: each.given for each in plan(search, seed, results, of).folders}
    ended = {name: run.ended.result(given[name]) for name, run in runs.items() if run.ended and name in given}
    running = defaultdict(list)
    for name in given:
        if name in runs and name not in ended:
            running[int(name.partition(".")[0])].append(runs[name])
    found = standings(search, seed, {**results, **ended}, of)
    return best_first(_running(each, running[each.trial]) if each.trial in running else each for each in found)


def _running(standing: Standing, runs: list[LogDigest]) -> Standing:
    """Return the standing of a trial that is trained: how far the run is that is behind the others."""
    behind = min(runs, key=lambda run: (run.epoch, run.fraction))
    return replace(
        standing,
        state="running",
        perplexity=behind.best_perplexity or standing.perplexity,
        epochs=behind.epoch or standing.epochs,
        epochs_total=behind.epochs or standing.epochs_total,
    )
