"""Where the output of a search is given as a model, the best of its runs is the model."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from running import run_trainer

from scriptmodel_trainer.artifacts.trials import TrialRecord, model_folder, write_records
from scriptmodel_trainer.errors import BadInputError, ExitCode


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def add(runs: Path, name: str, value: float | None, **fields: Any) -> Path:
    """Add a run, complete if it has a value."""
    usual = {"state": "failed"} if value is None else {"state": "complete", "value": value, "perplexity": 10 + value}
    (runs / name).mkdir(parents=True, exist_ok=True)
    write_records(runs / name / "trial.json", TrialRecord(**usual | fields))
    return runs / name


def test_the_best_run_is_that_of_the_trial_with_the_least_mean(runs: Path) -> None:
    add(runs, "0010", 1.5)
    add(runs, "0002.1", 1.7)
    best = add(runs, "0002.2", 1.2)  # of its trial, whose mean is 1.45
    add(runs, "0003.1", 1.0)
    add(runs, "0003.2", 2.5)
    add(runs, "0004.1", None)
    add(runs, "0005", 0.0)  # no model reaches it
    (runs / "notes").mkdir()
    assert model_folder(runs) == best
    add(runs, "0004.2", 0.5)  # without the repeat that failed
    assert model_folder(runs).name == "0004.2"
    assert model_folder(best) == best


def test_of_equal_trials_the_one_with_the_lower_perplexity_is_the_best(runs: Path) -> None:
    add(runs, "0001", 1.5, perplexity=90.0)
    add(runs, "0002", 1.5, perplexity=80.0)
    assert model_folder(runs).name == "0002"


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"state": "complete", "schema": 2}',
        b'{"state": "complete", "schema": 1, "value": NaN}',
        b'{"parameters": {}, "seed": 0}',
        b'{"schema": 1, "state": "failed", "message": "' + b"x" * (1 << 20) + b'"}',
        None,
    ],
    ids=["nested", "schema", "malformed", "no state", "too large", "a pipe"],
)
def test_runs_whose_records_cannot_be_used_have_failed(runs: Path, content: bytes | None) -> None:
    record = add(runs, "0001", None) / "trial.json"
    record.unlink()
    if content is None:
        os.mkfifo(record)
    else:
        record.write_bytes(content)
    with pytest.raises(BadInputError, match="no run of the search"):
        model_folder(runs)
    assert model_folder(add(runs, "0002", 1.5).parent).name == "0002"


def test_a_script_is_written_with_the_best_run_and_names_it(model: Path, runs: Path, tmp_path: Path) -> None:
    add(runs, "0002", None)
    shutil.copytree(model, runs / "0007")
    add(runs, "0007", 1.5)
    out = tmp_path / "out" / "new_script.txt"
    done = run_trainer(["generate", runs, "--words", "20", "--out", out, "--record", tmp_path / "generation.json"])
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "generation.json").read_text())["model"]["run"] == "0007"
    (runs / "0007" / "model.json").write_text("{}")
    assert run_trainer(["generate", runs, "--out", tmp_path / "other.txt"]).returncode == ExitCode.BAD_INPUT
