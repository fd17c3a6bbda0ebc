"""The progress of a command: on a terminal, as text, and in the bounded log of a model directory."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from scriptmodel_trainer.artifacts.model_directory import LOG, load_model
from scriptmodel_trainer.cli import main
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.progress.events import (
    DeviceUsed,
    EpochStarted,
    Failed,
    Measured,
    Progressed,
    Resumed,
    Started,
    TrigramsMixed,
)
from scriptmodel_trainer.progress.listeners import BarProgress, TextProgress
from scriptmodel_trainer.progress.log import BoundedLog
from scriptmodel_trainer.runs import fit


def shown(written: str) -> list[str]:
    """Return the final content of each terminal line; a carriage return and an erased line restart it."""
    return [line.rpartition("\r\x1b[K")[2] for line in written.split("\n")]


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 200])
@pytest.mark.parametrize(
    "event",
    [
        Progressed(1, 3, 0.5, 71.26, 9_800.4, 61.2),
        Progressed(12, 55, 1.0, 1234.5, 12_345.6, 200_000),
        Progressed(1, 10_000, 0.001, 123_456_789.0, 1.0, 9e6),
    ],
)
def test_the_bar_never_wraps_and_shows_epoch_share_perplexity_and_time(
    columns: int, event: Progressed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    out = io.StringIO()
    BarProgress(out).report(event)
    (line,) = shown(out.getvalue())
    assert len(line) < columns
    if event.epochs < 100 and columns >= 40:
        seconds = round(event.eta_seconds)
        left = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        for reported in (f"{event.epoch}/{event.epochs}", f"{event.fraction:.0%}", f"{event.perplexity:.1f}", left):
            assert reported in line
        assert f"{event.words_per_second:.0f}" in line.replace(",", "")
        assert ("█" in line) is (columns >= 80)


def test_lines_and_errors_take_the_place_of_the_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = io.StringIO()
    bar = BarProgress(out)
    event = Progressed(1, 3, 0.5, 71.26, 9_800.4, 61.2)
    bar.report(event)
    bar.report(EpochStarted(2, 0.5))
    bar.report(event)
    bar.report(Failed(BadInputError("no")))  # goes to standard error: the same terminal
    assert shown(out.getvalue()) == ["Epoch: 2 Learning rate: 0.500", ""]
    assert capsys.readouterr().err == "scriptmodel-trainer: error: no\n"


def test_a_text_that_is_scored_shows_its_share_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    out, first = io.StringIO(), 1000.0
    progress = TextProgress(out)
    for seconds in (0, 3, 6, 9, 12):
        progress.report(Measured(seconds / 20, 5000.0, 20.0 - seconds, time=first + seconds))
    notes = ["note: 30% measured, 5,000 words/s, 0:00:14 left", "note: 60% measured, 5,000 words/s, 0:00:08 left"]
    assert (out.getvalue(), capsys.readouterr().err.splitlines()) == ("", notes)


def test_the_text_log_has_device_settings_restarts_and_trigrams_in_words() -> None:
    out = io.StringIO()
    text = TextProgress(out)
    text.report(DeviceUsed("gpu", "Some Card", 16 << 30, "bfloat16", True))
    text.report(Started("demo", 9000, {"train": 5000}, 80, 1, None, False))
    text.report(Resumed(3, 0.4, 2))
    text.report(TrigramsMixed(0.158, 70.386, 76.2))
    assert out.getvalue().splitlines() == [
        "Device: Some Card (gpu) with 16 GiB, bfloat16",
        "Preset demo: 9,000 parameters, vocabulary 80; tokens: 5,000 train; 1 epoch",
        "Resumed in epoch 3 at 40%: restart 2 of this training",
        "Valid Perplexity: 70.386 with trigrams (16%), 76.200 without",
    ]


def test_the_text_log_has_one_line_for_each_place_in_an_epoch() -> None:
    """The time that is left changes while the test split is scored, but no line has it."""
    text = TextProgress(out := io.StringIO())
    for epoch, fraction, seconds in ((1, 0.5, 9.0), (1, 1.0, 8.0), (1, 1.0, 7.0), (2, 1.0, 6.0), (2, 1.0, 1.0)):
        text.report(Progressed(epoch, 2, fraction, 70.0, 100.0 * seconds, seconds))
    assert [line.split()[0] for line in out.getvalue().splitlines()] == ["0.500", "1.000", "1.000"]


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
