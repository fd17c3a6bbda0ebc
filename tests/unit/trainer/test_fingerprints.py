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
    assert main([*train, *settings]) == 0
    assert "already trained" in capsys.readouterr().err


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
