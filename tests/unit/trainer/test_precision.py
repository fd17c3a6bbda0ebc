"""precision=auto resolves to the faster precision of the machine."""

from pathlib import Path

import pytest

from scriptmodel_trainer.cli import main

LINES = "".join(f"the {noun} sees the {noun} and goes home\n" for noun in ("cat", "dog", "hen", "fox")) * 20


@pytest.mark.parametrize(("pays", "chosen"), [(True, "bfloat16"), (False, "float32")])
def test_auto_precision_resolves_to_the_faster_one_and_is_recorded(
    pays: bool, chosen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scriptmodel_trainer.model.hardware.bfloat16_is_faster", lambda: pays)
    out = train(tmp_path, "auto")
    assert f'"precision": "{chosen}"' in (out / "model.json").read_text()


def test_emulated_bfloat16_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("scriptmodel_trainer.model.hardware.bfloat16_is_faster", lambda: False)
    train(tmp_path, "bfloat16")
    output = capsys.readouterr()
    assert "float32 trains faster on this processor" in output.out + output.err


def train(folder: Path, precision: str) -> Path:
    corpus, out = folder / "lines.txt", folder / "model"
    corpus.write_text(LINES)
    command = ["train", "--data", str(corpus), "--layout", "plain", "--out", str(out), "--preset", "test"]
    assert main([*command, "--set", f"precision={precision}", "--log", "text"]) == 0
    return out
