"""The benches of writing have a model without a training (dev/bench/trainer/writing.py)."""

from pathlib import Path

from dev.bench.trainer.writing import random_model
from scriptmodel_trainer.artifacts.model_directory import load_model


def test_the_model_of_the_benches_can_be_read(tmp_path: Path) -> None:
    assert len(load_model(random_model(tmp_path / "model")).vocabulary.words) == 10_000
