"""The preset `auto`: chosen by tokens and minutes from a table, and recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from samples import run_trainer

from scriptmodel_trainer.auto import choose, minutes_from
from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.presets import PRESETS
from scriptmodel_trainer.records import Choice

TINY = ["--set", "hidden_units=8", "embedding_units=8", "epochs=1", "batch_size=4"]


@pytest.mark.parametrize(
    ("tokens", "minutes", "preset"),
    [
        (1_063_000, None, "tuned"),
        (1_063_000, 5, "demo"),
        (1_063_000, 23, "demo"),
        (1_063_000, 24, "tuned"),
        (1_063_000, 85, "tuned"),
        (1_063_000, 86, "tuned-long"),
        (250_000, 6, "tuned"),
        (249_999, 6, "tuned-few"),
        (249_999, 1000, "tuned-few"),
        (249_999, None, "tuned-few"),
        (194_000, 4, "demo"),
        (0, None, "tuned-few"),
        (10**9, 0.01, "demo"),
    ],
)
def test_the_table_decides_by_tokens_and_minutes(tokens: int, minutes: float | None, preset: str) -> None:
    assert choose(tokens, minutes) == Choice(preset, tokens, minutes)
    assert preset in PRESETS


def test_more_minutes_never_choose_a_shorter_training() -> None:
    length = {"demo": 0, "tuned-few": 1, "tuned": 1, "tuned-long": 2}
    for tokens in (1, 100_000, 250_000, 1_000_000, 10_000_000):
        chosen = [length[choose(tokens, minutes).preset] for minutes in range(1, 1000)]
        assert chosen == sorted(chosen)


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "soon", "1e9"])
def test_minutes_that_are_no_time_are_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="not a number above 0"):
        minutes_from(text, "auto")


@pytest.mark.parametrize("preset", [None, "tuned"])
def test_minutes_without_auto_are_refused(preset: str | None) -> None:
    with pytest.raises(BadInputError, match="needs --preset auto"):
        minutes_from("30", preset)


def test_the_choice_is_noted_recorded_and_the_same_training_as_the_named_preset(corpus: Path, tmp_path: Path) -> None:
    train = ["train", "--data", corpus, "--out", tmp_path / "model", *TINY]
    done = run_trainer([*train, "--preset", "auto", "--minutes", "5"])
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text())
    tokens = metrics["tokens"]["train"]
    assert metrics["auto"] == {"preset": "tuned-few", "tokens": tokens, "minutes": 5.0}
    assert f"auto: preset tuned-few, for {tokens:,} tokens to train on and 5 minutes" in done.stderr
    described = json.loads((tmp_path / "model" / "model.json").read_text())
    assert described["preset"] == "tuned-few"
    again = run_trainer([*train, "--preset", "tuned-few", "--resume"])
    assert "is already trained with these settings" in again.stderr
