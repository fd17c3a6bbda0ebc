"""The log in the model directory: bounded, appended, and never the reason that a training fails."""

import json
from pathlib import Path

import numpy as np
import pytest

from scriptmodel_trainer.artifacts.model_directory import LOG, load_model
from scriptmodel_trainer.cli import main
from scriptmodel_trainer.progress.log import BoundedLog
from scriptmodel_trainer.runs import fit


def line(number: int, kind: str = "progress") -> str:
    return json.dumps({"event": kind, "number": number}) + "\n"


def numbers(path: Path, kind: str) -> list[int]:
    events = map(json.loads, path.read_text().splitlines())
    return [event["number"] for event in events if event["event"] == kind]


def test_a_long_log_loses_progress_within_epochs_and_keeps_its_other_lines(tmp_path: Path) -> None:
    path = tmp_path / LOG
    log = BoundedLog(limit=4_000)
    log.open(path)
    for number in range(1, 1_001):
        log.write(line(number, "progress" if number % 30 else "epoch"))
        assert path.stat().st_size <= 4_000
    assert numbers(path, "epoch") == list(range(30, 1_001, 30))
    left = numbers(path, "progress")
    assert left == [number for number in range(left[0], 1_001) if number % 30]


def test_a_log_of_very_many_epochs_keeps_the_first_and_the_last(tmp_path: Path) -> None:
    path = tmp_path / LOG
    log = BoundedLog(limit=4_000)
    log.open(path)
    for number in range(1, 1_001):
        log.write(line(number, "epoch"))
        assert path.stat().st_size <= 4_000
    left = numbers(path, "epoch")
    assert left[:4] == [1, 2, 3, 4]
    assert left[-40:] == list(range(961, 1_001))
    assert left == sorted(left)


def test_lines_held_before_open_come_first_and_a_cut_line_stays_alone(tmp_path: Path) -> None:
    path = tmp_path / LOG
    path.write_text(line(1) + '{"event": "prog')
    log = BoundedLog()
    log.write(line(2))
    log.open(path)
    log.write(line(3))
    assert path.read_text() == line(1) + '{"event": "prog\n' + line(2) + line(3)


def trained(folder: Path) -> dict[str, np.ndarray]:
    corpus = folder / "lines.txt"
    corpus.write_text("the cat sees the dog and goes home\n" * 60)
    command = ["train", "--data", str(corpus), "--layout", "plain", "--out", str(folder / "m"), "--preset", "test"]
    assert main([*command, "--set", "epochs=2", "dropout=0.2", "hidden_units=4"]) == 0
    return load_model(folder / "m").weights


def test_a_log_that_cannot_be_written_does_not_fail_the_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m" / LOG).mkdir(parents=True)
    trained(tmp_path)
    assert f"note: {tmp_path / 'm' / LOG} is not complete: Is a directory" in capsys.readouterr().err


@pytest.mark.usefixtures("compiled_once")
def test_the_sample_lines_leave_the_weights_bit_identical(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    first = trained(tmp_path / "with")
    monkeypatch.setattr(fit, "sample_line", lambda *_: lambda _: "")
    second = trained(tmp_path / "without")
    assert all(np.array_equal(first[name], second[name]) for name in first)
    events = [json.loads(text) for text in (tmp_path / "with" / "m" / LOG).read_text().splitlines()]
    assert all(event["sample"] for event in events if event["event"] == "epoch")
