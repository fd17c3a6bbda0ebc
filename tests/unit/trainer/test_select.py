"""The best trial of a search becomes the model that writes, with a table of all runs and a report on the search."""

import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from markup import Page
from running import run_trainer

from scriptmodel_trainer.artifacts.model_directory import load_model
from scriptmodel_trainer.artifacts.trials import TrialRecord, write_records
from scriptmodel_trainer.errors import ExitCode


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def add(runs: Path, name: str, value: float | None, model: Path | None = None, **fields: Any) -> None:
    """Add a run, complete if it has a model."""
    folder = runs / name
    if model is None:
        folder.mkdir(parents=True)
    else:
        shutil.copytree(model, folder)
    perplexity = None if value is None else 10 + value
    usual = {
        "state": "failed" if model is None else "complete",
        "epochs": 2,
        "epochs_total": 4,
        "perplexity": perplexity,
    }
    usual |= {
        "value": value,
        "curve": ((1, 300.0), (2, perplexity)),
        "parameters": {"dropout": "0.3", "optimizer": "sgd"},
    }
    write_records(folder / "trial.json", TrialRecord(**usual | fields))


def selected(runs: Path, out: Path, *options: str) -> tuple[str, list[dict[str, Any]]]:
    done = run_trainer(["select", runs, "--out", out, *options])
    assert done.returncode == 0, done.stderr
    path = out / "trials.jsonl"
    return done.stdout + done.stderr, [*map(json.loads, path.read_text("utf-8").splitlines())] if path.exists() else []


def digest_of(runs: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(runs.glob("*/trial.json")))).hexdigest()


def test_the_best_run_is_copied_with_a_table_and_a_report(model: Path, runs: Path, tmp_path: Path) -> None:
    add(runs, "0010", 1.5, model)
    add(runs, "0002.1", 1.7, model, parameters={"dropout": "0.1"})
    add(runs, "0002.2", 1.2, model, parameters={"dropout": "0.1"}, seed=4)
    add(runs, "0003.1", 1.0, model)
    add(runs, "0003.2", 2.5, model)
    add(runs, "0004.1", 0.5, model)
    add(runs, "0004.2", 0.5)  # not complete
    add(runs, "0001", None, state="failed", reason="diverged", message="the loss became nan")
    out = tmp_path / "best"
    shown, lines = selected(runs, out, "--best", "0002.2", "--of", digest_of(runs))
    assert "Best of 5 trials: 0002.2 (dropout=0.1), validation perplexity 11.2, 1.2000 nats per character" in shown
    assert [(line["trial"], line["repeat"]) for line in lines][:4] == [(1, 1), (2, 1), (2, 2), (3, 1)]
    assert [line["trial"] for line in lines][-1] == 10
    assert [line["seed"] for line in lines if line["winner"]] == [4]
    assert lines[0]["reason"] == "diverged"
    assert load_model(out).metrics == load_model(model).metrics
    kept = {path.name for path in model.iterdir()}
    assert {path.name for path in out.iterdir()} == kept | {"trials.jsonl"}
    assert all((out / name).read_bytes() == (model / name).read_bytes() for name in kept - {"report.html"})
    text = (out / "report.html").read_text("utf-8")
    states = re.findall(r"<td>(best|complete|failed)</td>", text)
    assert [(state, states.count(state)) for state in dict.fromkeys(states)] == [
        ("best", 1),
        ("complete", 5),
        ("failed", 2),
    ]
    assert not Page(text).unclosed
    assert run_trainer(["report", out, "--out", tmp_path / "again.html"]).returncode == 0
    assert (tmp_path / "again.html").read_text("utf-8") == text


def test_nothing_is_written_before_the_search_is_over(model: Path, runs: Path, tmp_path: Path) -> None:
    add(runs, "0001", 1.5, model)
    of = digest_of(runs)
    add(runs, "0002", None)
    for options in ((), ("--best", "0001", "--of", of)):
        shown, _ = selected(runs, tmp_path / "best", *options)
        assert "is not over: nothing is written" in shown
        assert not (tmp_path / "best").exists()


_UNUSABLE: dict[str, bytes | None] = {
    "nested too deeply": b"[" * 100_000,
    "Invalid enum value 2": b'{"state": "complete", "schema": 2}',
    "JSON is malformed": b'{"state": "complete", "schema": 1, "value": NaN}',
    "missing required field `state`": b'{"parameters": {}, "seed": 0}',
    "No such file": None,
    "too large": b'{"schema": 1, "state": "failed", "message": "' + b"x" * (1 << 20) + b'"}',
}


def test_runs_whose_records_cannot_be_used_have_failed(model: Path, runs: Path, tmp_path: Path) -> None:
    add(runs, "0001", 1.5, model)
    (runs / "notes").mkdir()
    for number, content in enumerate(_UNUSABLE.values(), 2):
        (runs / f"{number:04}").mkdir()
        if content is not None:
            (runs / f"{number:04}" / "trial.json").write_bytes(content)
    (runs / "0009").mkdir()
    os.mkfifo(runs / "0009" / "trial.json")
    shown, lines = selected(runs, tmp_path / "best", "--best", "0001")
    assert shown.count("the run counts as failed") == len(_UNUSABLE) + 1
    assert lines[0]["winner"]
    for reason, line in zip([*_UNUSABLE, "not a regular file"], lines[1:], strict=True):
        assert (line["state"], line["reason"]) == ("failed", "error")
        assert reason in line["message"]


def test_a_best_run_without_a_usable_model_is_an_error(model: Path, runs: Path, tmp_path: Path) -> None:
    add(runs, "0001", 1.5, model)
    add(runs, "0002", 1.4)
    (runs / "0001" / "model.json").write_text("{}")
    for folder, best, reason in (
        (runs, "0001", "model.json"),
        (runs, "0002", "0002 is failed"),
        (runs, "../runs/0001", "is not a run of the search"),
        (tmp_path / "none", "0001", "holds no runs"),
    ):
        done = run_trainer(["select", folder, "--best", best, "--out", tmp_path / "best"])
        assert (done.returncode, reason in done.stderr) == (ExitCode.BAD_INPUT, True), done.stderr
    assert not (tmp_path / "best").exists()
