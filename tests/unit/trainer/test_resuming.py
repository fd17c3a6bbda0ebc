"""A run that is stopped and resumed ends with the weights of one that nothing stopped, whatever its settings."""

import io
import string
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stopped import StoppedInEpochTwo

from scriptmodel_trainer.errors import StoppedError
from scriptmodel_trainer.model.hardware import load_tensorflow
from scriptmodel_trainer.model.letter_ngrams import letter_ngrams_of
from scriptmodel_trainer.model.presets import PRESETS, with_overrides
from scriptmodel_trainer.progress.listeners import TextProgress
from scriptmodel_trainer.training.checkpoints import Checkpoints, newest_in
from scriptmodel_trainer.training.stopping import StopSignals
from scriptmodel_trainer.training.task import TrainingTask

load_tensorflow(0)

from scriptmodel_trainer.training import loop  # noqa: E402  # as above
from scriptmodel_trainer.training.graph import Pace  # noqa: E402  # as above
from scriptmodel_trainer.training.loop import TrainingResult  # noqa: E402  # as above

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compiled_once")]
STREAM = np.random.default_rng(5).integers(0, 50, 200).astype(np.int32)
SMALL = {"hidden_units": "12", "embedding_units": "8", "steps": "3", "batch_size": "4", "epochs": "3"}
WORDS = [f"{letter}word{number}ing" for number in range(5) for letter in string.ascii_lowercase[:10]]

# Settings and parts of a run that have a state of their own, and what a checkpoint of it holds.
RUNS: dict[str, tuple[str, dict[str, str], dict[str, Any], str]] = {
    "SGD, two layers, dropout, a cache that starts of documents clear": (
        *("small", {"dropout": "0.3", "cache_window": "20"}, {"document": 7}),
        "state/2/1",
    ),
    "Adam in bfloat16, words left out": (*("demo", {"precision": "bfloat16", "word_dropout": "0.2"}, {}), "slots/"),
    "letter n-grams": (*("demo", {}, {"letter_ngrams": letter_ngrams_of(WORDS, 1000, "adam")}), "weights/ngrams"),
}


@pytest.mark.parametrize("run", RUNS)
def test_a_stopped_run_resumes_to_the_same_weights(run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pace, "_SECONDS", 0)  # one window a call, so that it can stop after each
    name, settings, parts, stored = RUNS[run]
    preset = with_overrides(PRESETS[name], SMALL | settings)

    def fit(file: str, progress: TextProgress, signals: StopSignals, *, resume: bool = False) -> TrainingResult:
        store = Checkpoints(tmp_path / file, progress)
        task = TrainingTask(
            *(name, preset, 50, STREAM, STREAM, {}, 0, 1, "run", store, 3600.0, lambda _: ""),
            saved=store.newest() if resume else None,
            **parts,
        )
        return loop.fit(task, progress, signals)

    signals, quiet = StopSignals(), TextProgress(io.StringIO())
    with pytest.raises(StoppedError, match="stopped in epoch 2"):
        fit("stopped", StoppedInEpochTwo(signals), signals)
    saved = newest_in(tmp_path / "stopped")
    assert saved is not None
    state = saved.arrays.items()
    assert any(array.any() for name, array in state if name.startswith(stored)), "it is part of what was saved"
    resumed = fit("stopped", quiet, StopSignals(), resume=True)
    whole = fit("whole", quiet, StopSignals())
    assert resumed.weights.keys() == preset.shapes(50).keys()
    assert all(np.array_equal(weights, resumed.weights[name]) for name, weights in whole.weights.items())
    assert [epoch.valid_perplexity for epoch in resumed.history] == [epoch.valid_perplexity for epoch in whole.history]
