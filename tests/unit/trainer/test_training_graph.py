"""Training windows: their precision, and that they can be interrupted anywhere."""

import dataclasses
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from stepwise import negative_log_likelihoods

from scriptmodel_trainer.model.hardware import bfloat16_is_faster, load_tensorflow
from scriptmodel_trainer.training.batches import cut_for_training

load_tensorflow(0)

import tensorflow as tf  # noqa: E402  # quietly loaded above

from scriptmodel_trainer.model import network_tensorflow as model_module  # noqa: E402  # as above
from scriptmodel_trainer.model.network_numpy import Network  # noqa: E402  # as above
from scriptmodel_trainer.model.network_tensorflow import LanguageModel  # noqa: E402  # as above
from scriptmodel_trainer.model.presets import PRESETS, Preset, with_overrides  # noqa: E402  # as above
from scriptmodel_trainer.progress.listeners import TextProgress  # noqa: E402  # as above
from scriptmodel_trainer.training import loop  # noqa: E402  # as above
from scriptmodel_trainer.training.checkpoints import Checkpoints  # noqa: E402  # as above
from scriptmodel_trainer.training.graph import TrainingGraph  # noqa: E402  # as above
from scriptmodel_trainer.training.optimizers import Optimizer  # noqa: E402  # as above
from scriptmodel_trainer.training.state import RunState  # noqa: E402  # as above
from scriptmodel_trainer.training.stopping import StopSignals  # noqa: E402  # as above
from scriptmodel_trainer.training.task import TrainingTask  # noqa: E402  # as above

STREAM = np.random.default_rng(5).integers(0, 50, 1500).astype(np.int32)
SETTINGS = {"hidden_units": "12", "steps": "5", "batch_size": "4", "dropout": "0.2"}


def preset(name: str, **more: str) -> Preset:
    return with_overrides(PRESETS[name], {**SETTINGS, **more})


class Run:
    """A model in training."""

    def __init__(self, chosen: Preset) -> None:
        self.model = LanguageModel(chosen, 50, seed=2)
        self.optimizer = Optimizer(chosen, self.model.variables)
        rows = cut_for_training(STREAM, chosen.batch_size, chosen.steps, 0)
        self.graph = TrainingGraph(self.model, self.optimizer, rows, seed=3)

    def train(self, first: int, windows: int) -> float:
        return self.graph.run(first, first, [0.01] * windows)


def test_bfloat16_and_float32_learn_the_same() -> None:
    exact, rounded = Run(preset("demo")), Run(preset("demo", precision="bfloat16"))
    for _ in range(3):
        losses = exact.train(0, 40), rounded.train(0, 40)
    assert losses[0] < 40 * np.log(50)  # better than guessing: there is something to compare
    assert losses[1] == pytest.approx(losses[0], rel=5e-3)
    assert {weights.dtype for weights in rounded.model.weights().values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("where", ["on a GPU", "in a window too long to write out"])
def test_keras_layers_are_taken_and_compute_the_same(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = tf.constant(STREAM[None, :40])
    usual = LanguageModel(preset("small"), 50, seed=2)
    expected, _ = usual.features(tokens, usual.zero_state(1))
    if where == "on a GPU":
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: ["GPU:0"])
    else:
        monkeypatch.setattr(model_module, "MOST_STEPS", 39)
    monkeypatch.setattr(model_module, "read_window", lambda *_: pytest.fail("not Keras' layer"))
    model = LanguageModel(preset("small"), 50, seed=2)
    features, _ = model.features(tokens, model.zero_state(1), precision="bfloat16")
    assert features.numpy() == pytest.approx(expected.numpy(), abs=1e-6)


@pytest.mark.parametrize(
    ("described", "faster"),
    [
        ("vendor_id\t: AuthenticAMD\nflags\t\t: fpu avx2 avx512f avx512_bf16 vaes\n", True),
        ("vendor_id\t: GenuineIntel\nflags\t\t: fpu avx2 avx512f avx512_bf16 vaes\n", False),
        ("vendor_id\t: GenuineIntel\nflags\t\t: fpu avx2 avx512f avx512_bf16 amx_bf16\n", True),
        ("flags\t\t: fpu amx_bf16\n", True),
        ("Features\t: fp asimd bf16\n", True),
        ("model name\t: bf16\nflags\t\t: fpu avx2 avx512f\n", False),
        (None, True),  # not Linux: nothing is known against it
    ],
)
def test_bfloat16_is_faster_by_vendor_and_flags_of_the_cpu(
    described: str | None, faster: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_text(path: Path, **_: str) -> str:
        if described is None:
            raise FileNotFoundError(path)
        return described

    monkeypatch.setattr(Path, "read_text", read_text)
    assert bfloat16_is_faster() is faster


def task_in(folder: Path, **settings: str) -> TrainingTask:
    return TrainingTask(
        *("test", preset("test", **settings), 50, STREAM, STREAM, {}, 0, 1),
        *("", Checkpoints(folder, TextProgress(sys.stdout)), 30.0, lambda _: ""),
    )


def test_a_network_too_large_for_the_memory_raises_memory_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def too_large(*_: object) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[8192,32768]")

    monkeypatch.setattr(loop, "LanguageModel", too_large)
    with pytest.raises(MemoryError):
        loop.fit(task_in(tmp_path), TextProgress(sys.stdout), StopSignals())


def test_a_run_validates_as_its_model_scores_where_documents_start(tmp_path: Path) -> None:
    task = dataclasses.replace(task_in(tmp_path, epochs="2", cache_window="50", initial_range="3"), document=7)
    result = loop.fit(task, TextProgress(sys.stdout), StopSignals())
    expected = negative_log_likelihoods(Network(result.weights, 7), STREAM, 0)
    found = result.history[result.best_epoch - 1].valid_perplexity
    assert math.log(found) == pytest.approx(expected.mean(), rel=1e-5)


def test_a_run_whose_budget_is_used_up_before_anything_was_saved_trains_a_little(tmp_path: Path) -> None:
    spent = dataclasses.replace(task_in(tmp_path), budget=3.0, state=RunState(seconds=24))
    result = loop.fit(spent, TextProgress(sys.stdout), StopSignals())
    assert (len(result.history), result.stopped_by) == (1, "budget")
