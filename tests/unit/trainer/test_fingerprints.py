"""A fingerprint is that of one run: settings, seed, layout, and the corpus as it is read."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from running import prepared
from samples import play

from scriptmodel_trainer.cli import main
from scriptmodel_trainer.corpus.tokens import event_tokens
from scriptmodel_trainer.model import hardware
from scriptmodel_trainer.model.presets import PRESETS, with_overrides
from scriptmodel_trainer.runs.fingerprint import run_fingerprint


def test_a_setting_at_its_default_is_not_in_a_fingerprint() -> None:
    """Frozen: a later version whose new settings are at their default must come to the same."""
    preset = with_overrides(PRESETS["test"], {"precision": "float32", "hidden_units": "4", "epochs": "400"})
    assert run_fingerprint(preset, 3, "plain", "corpus") == (
        "21e267303bb39a74c20cf1d7f78c6208190e335b2279fcdc4f9add05bda4c773"
    )


def test_a_run_with_precision_auto_continues_in_the_precision_that_is_faster_on_the_next_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lines.txt").write_text("the cat sees the dog and goes home\n" * 80)
    data = ["--data", str(tmp_path / "lines.txt"), "--layout", "plain", "--out", str(tmp_path / "model")]
    train = ["train", *data, "--state", str(tmp_path / "state"), "--preset", "test", "--log", "json"]
    settings = ["--set", "precision=auto", "hidden_units=4", "epochs=2"]
    trained, used = [], []
    for budget, bfloat16 in (("0.001", True), ("1000", False)):
        monkeypatch.setattr(hardware, "bfloat16_is_faster", lambda native=bfloat16: native)
        assert main([*train, *settings, "--budget-seconds", budget]) == 0
        events = list(map(json.loads, capsys.readouterr().out.splitlines()))
        trained += [(event["event"], event["epoch"]) for event in events if event["event"] in ("resumed", "epoch")]
        used += [event["precision"] for event in events if event["event"] == "device"]
    assert trained == [("epoch", 1), ("resumed", 1), ("epoch", 1), ("epoch", 2)]
    assert used == ["bfloat16", "float32"]
    monkeypatch.setattr(hardware, "bfloat16_is_faster", lambda: True)
    assert main([*train, *settings, "--resume"]) == 0
    assert "already trained" in capsys.readouterr().err


@pytest.mark.usefixtures("compiled_once")
def test_a_state_of_another_kind_of_processor_or_another_tensorflow_causes_a_warning_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lines.txt").write_text("the cat sees the dog and goes home\n" * 80)
    data = ["--data", str(tmp_path / "lines.txt"), "--layout", "plain", "--out", str(tmp_path / "model")]
    train = ["train", *data, "--state", str(tmp_path / "state"), "--preset", "test", "--epochs", "2", "--log", "json"]
    warnings, load_tensorflow = [], hardware.load_tensorflow
    for number, made_by in enumerate(("one", "another"), 1):
        monkeypatch.setattr(hardware, "processor", lambda name=made_by: name)
        version = "2.0.0" if number == 2 else load_tensorflow(0)
        monkeypatch.setattr(
            hardware, "load_tensorflow", lambda seed, version=version: load_tensorflow(seed) and version
        )
        assert main([*train, "--budget-seconds", ("0.001", "1000")[number - 1]]) == 0
        events = map(json.loads, capsys.readouterr().out.splitlines())
        warnings.append([event["code"] for event in events if event["event"] == "warning"])
    assert warnings == [[], ["other_processor", "other_tensorflow"]]


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        ("corpus.stream.event_tokens", lambda event: [token.lower() for token in event_tokens(event)]),
        ("model.vocabulary.speakers_of", lambda *_: ["ANNA"]),
    ],
    ids=["tokens", "speakers"],
)
def test_files_that_are_read_in_another_way_are_another_run(
    rule: str, changed: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a saved network calls word 7 must be word 7."""
    (tmp_path / "play.md").write_text(play(60), "utf-8")
    command = ["train", "--data", tmp_path, "--out", tmp_path / "model", "--preset", "test"]
    first, again = prepared(command).fingerprint, prepared(command).fingerprint
    assert first == again
    monkeypatch.setattr(f"scriptmodel_trainer.{rule}", changed)
    assert prepared(command).fingerprint != first
