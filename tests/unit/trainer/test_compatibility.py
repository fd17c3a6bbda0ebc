"""Checkpoints and models of version 0.1.0 still match their runs; a resume is exact, causes a warning, or is refused.

`earlier/` has the output of that version: for precision=float32 and for auto (bfloat16 on that machine) a finished
model of two epochs without its report, and the checkpoint of an unfinished run of 400 epochs.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from scriptmodel_trainer import artifacts
from scriptmodel_trainer.cli import main
from scriptmodel_trainer.presets import PRESETS, Preset, with_overrides
from scriptmodel_trainer.storage import read_arrays
from scriptmodel_trainer.training import hardware
from scriptmodel_trainer.training.checkpoints import load_checkpoint, save_checkpoint
from scriptmodel_trainer.training.fingerprints import Fingerprints, fingerprints_of

EARLIER = Path(__file__).parent / "earlier"


def command(out: Path, precision: str, epochs: int) -> list[str]:
    data = ["--data", str(EARLIER / "lines.txt"), "--layout", "plain", "--out", str(out), "--resume", "--log", "json"]
    settings = [f"precision={precision}", "hidden_units=4", f"epochs={epochs}"]
    return ["train", *data, "--preset", "test", "--seed", "3", "--set", *settings]


def copied(name: str, precision: str, to: Path) -> Path:
    """The files of the earlier version with that precision: a finished model or an unfinished run."""
    for path in (EARLIER / precision).iterdir():
        if (path.name == artifacts.CHECKPOINT) is (name == artifacts.CHECKPOINT):
            shutil.copy(path, to)
    return to


@pytest.mark.parametrize(("precision", "bfloat16"), [("float32", True), ("float32", False), ("auto", True)])
def test_a_finished_model_of_an_earlier_version_is_the_same_run(
    precision: str, bfloat16: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hardware, "multiplies_bfloat16", lambda: bfloat16)
    out = copied("model", precision, tmp_path)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert main(command(out, precision, 2)) == 0
    assert "already trained" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_model_trained_with_auto_on_another_kind_of_processor_is_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hardware, "multiplies_bfloat16", lambda: False)
    assert main(command(copied("model", "auto", tmp_path), "auto", 2)) == 2
    assert "another corpus, preset, setting, seed or precision" in capsys.readouterr().out


@pytest.mark.parametrize(("precision", "warned"), [("float32", []), ("auto", ["unknown_precision"])])
def test_an_unfinished_run_of_an_earlier_version_is_resumed(
    precision: str, warned: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = copied(artifacts.CHECKPOINT, precision, tmp_path)
    assert main(command(out, precision, 400)) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["code"] for event in events if event["event"] == "warning"] == warned
    (start,) = (event for event in events if event["event"] == "start")
    assert start["resumed_from"] > 20
    epochs = json.loads((out / "metrics.json").read_text())["epochs"]
    assert len(epochs) == 400
    assert not epochs[0]["sample"]  # that version wrote none
    assert epochs[-1]["sample"]


def test_a_state_saved_with_auto_on_another_kind_of_processor_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = copied(artifacts.CHECKPOINT, "auto", tmp_path)
    path = out / artifacts.CHECKPOINT
    saved = load_checkpoint(path, prints("auto", "bfloat16"))
    current = prints("auto", "bfloat16").current
    save_checkpoint(path, dataclasses.replace(saved, fingerprint=current, processor="another"))
    monkeypatch.setattr(hardware, "multiplies_bfloat16", lambda: False)
    assert main(command(out, "auto", 400)) == 2
    assert "on the same kind of processor" in capsys.readouterr().out
    monkeypatch.setattr(hardware, "multiplies_bfloat16", lambda: True)
    assert main(command(out, "auto", 400)) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["code"] for event in events if event["event"] == "warning"] == ["other_processor"]


def preset_of(precision: str) -> Preset:
    changes = {"precision": precision, "hidden_units": "4", "epochs": "400"}
    return with_overrides(PRESETS["test"], changes)


def prints(requested: str, resolved: str, corpus: str = "") -> Fingerprints:
    digest = corpus or json.loads((EARLIER / "auto" / "model.json").read_text())["corpus"]["digest"]
    return fingerprints_of(preset_of(requested), preset_of(resolved), 3, "plain", digest)


def test_auto_and_its_resolved_precision_have_one_fingerprint() -> None:
    assert prints("auto", "bfloat16").current == prints("bfloat16", "bfloat16").current
    assert prints("auto", "bfloat16").current != prints("auto", "float32").current
    assert not prints("bfloat16", "bfloat16").accepts(prints("float32", "float32").current)
    assert not prints("auto", "float32").accepts(prints("bfloat16", "bfloat16").current)
    assert not prints("auto", "float32").accepts(None)
    assert not prints("auto", "float32").accepts([])
    assert not prints("float32", "float32").accepts(None)


def test_a_setting_at_its_default_is_not_in_a_fingerprint() -> None:
    """Frozen: a later version whose new settings are at their default must come to the same."""
    assert prints("float32", "float32", "corpus").current == (
        "21e267303bb39a74c20cf1d7f78c6208190e335b2279fcdc4f9add05bda4c773"
    )
    described = json.loads(read_arrays(EARLIER / "float32" / artifacts.CHECKPOINT)["described"].tobytes())
    assert prints("float32", "float32").earlier == {described["fingerprint"]}
