"""A corpus, and a model trained on it."""

from __future__ import annotations

from pathlib import Path

import pytest
from samples import play, run_trainer


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one play of a few thousand words."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "train.md").write_text(play(220), "utf-8")
    return folder


@pytest.fixture(scope="session")
def model(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a small two-layer model with a projection, trained for four epochs."""
    folder = tmp_path_factory.mktemp("models") / "model"
    arguments = ["--set", "hidden_units=24", "embedding_units=16", "layers=2", "tied_embeddings=true", "batch_size=8"]
    done = run_trainer(
        ["train", "--data", corpus, "--out", folder, "--preset", "demo", "--epochs", "4", "--seed", "3", *arguments]
    )
    assert done.returncode == 0, done.stderr
    return folder
