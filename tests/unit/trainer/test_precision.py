"""precision=auto is bfloat16 where that is faster, and a choice that does not pay is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from scriptmodel_trainer.cli import main

LINES = "".join(f"the {noun} sees the {noun} and goes home\n" for noun in ("cat", "dog", "hen", "fox")) * 20


@pytest.mark.parametrize(("pays", "chosen"), [(True, "bfloat16"), (False, "float32")])
def test_auto_is_what_this_machine_does_faster_and_the_model_says_which(
    pays: bool, chosen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scriptmodel_trainer.training.hardware.multiplies_bfloat16", lambda: pays)
    out = train(tmp_path, "auto")
    assert f'"precision": "{chosen}"' in (out / "model.json").read_text()


def test_bfloat16_that_does_not_pay_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("scriptmodel_trainer.training.hardware.multiplies_bfloat16", lambda: False)
    train(tmp_path, "bfloat16")
    told = capsys.readouterr()
    assert "float32 trains faster here" in told.out + told.err


def train(folder: Path, precision: str) -> Path:
    corpus, out = folder / "lines.txt", folder / "model"
    corpus.write_text(LINES)
    command = ["train", "--data", str(corpus), "--layout", "plain", "--out", str(out), "--preset", "test"]
    assert main([*command, "--set", f"precision={precision}", "--log", "text"]) == 0
    return out
