"""Reads the results of the runs of a search, from the output of training and from its log. Any image may have written
these: nothing in them is trusted. What was trained is read from the repo of trials, which the operator writes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from scriptmodel_operator.desired.search import TRIAL_FILE, RunInput, RunResult
from scriptmodel_operator.observe.files import TrialRecord
from scriptmodel_operator.pachyderm.gateway import Gateway
from scriptmodel_operator.pachyderm.values import RepoRef

_FILES = f"/*/{TRIAL_FILE}"
_MAX_FILE = 1024 * 1024
Place = tuple[RepoRef, str]
"""A repo and a commit."""


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
            found[path.split("/")[1]] = RunInput.model_validate_json(content)
        except ValueError:
            continue
    return found


def _result(record: bytes, given: RunInput, folder: str) -> RunResult:
    try:
        return TrialRecord.model_validate_json(record).result(given)
    except ValueError:
        message = f"/{folder}/{TRIAL_FILE} has no valid record of the run; is the image a trainer's?"
        return RunResult(given=given, state="failed", reason="error", message=message)
