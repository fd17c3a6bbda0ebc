"""The bench that tells from recorded epochs where early stopping would have ended a training."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from dev.bench.trainer.patience import main, stopped_after


@pytest.mark.parametrize(
    ("figures", "patience", "epochs"),
    [
        ([3.0, 2.0, 2.5, 1.9, 2.1, 2.0, 1.0], 2, 6),  # as the trainer's own test of early stopping
        ([3.0, 2.0, 2.5, 1.9, 2.1, 2.0, 1.0], 3, 7),
        ([3.0, 3.0], 1, 2),
        ([1.0, 2.0, 3.0], 1, 2),
        ([3.0, 2.0, 1.0], 1, 3),
    ],
)
def test_training_ends_after_so_many_epochs_without_a_better_figure(
    figures: list[float], patience: int, epochs: int
) -> None:
    assert stopped_after(figures, patience) == epochs


def test_a_row_for_each_patience_that_changes_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    epochs = [{"valid_perplexity": figure} for figure in (3.0, 2.0, 2.5, 1.9, 2.1)]
    (tmp_path / "metrics.json").write_text(json.dumps({"epochs": epochs}), "utf-8")
    monkeypatch.setattr(sys, "argv", ["patience", str(tmp_path)])
    assert main() == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path}: 5 epochs, best 1.90 in epoch 4",
        "  patience 1: 3 epochs, best 2.00",
        "  patience 2: all epochs",
    ]
