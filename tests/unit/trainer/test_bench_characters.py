"""The benchmark of nats per character (dev/bench/trainer/characters.py)."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from running import run_trainer
from samples import play

from dev.bench.trainer.characters import Recipe, bench_characters, split

pytestmark = pytest.mark.nightly


def test_the_figure_is_that_of_the_model_on_the_rest_of_the_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = play(60)
    (tmp_path / "play.txt").write_text(text, "utf-8")
    settings = ("epochs=1", "hidden_units=8", "embedding_units=8", "vocabulary_size=100")
    bench_characters(tmp_path / "play.txt", Recipe("demo", settings), tmp_path / "model", None, 1)
    out = capfd.readouterr().out
    printed = re.search(r"demo, seed 0: (\S+) nats per character, ([\d,]+) weights, epoch 1 of 1", out)
    assert printed, out
    (tmp_path / "rest.txt").write_text(split(text)[1], "utf-8")
    found = json.loads(run_trainer(["evaluate", tmp_path / "model", "--data", tmp_path / "rest.txt", "--json"]).stdout)
    assert float(printed[1]) == pytest.approx(found["nats_per_character"], abs=1e-4)
    assert "nanoGPT: SKIPPED" in out
