"""The moving average of the weights: its arithmetic, and that validation, model and resumed run use it."""

from __future__ import annotations

import dataclasses
import io
import math
from pathlib import Path

import numpy as np
import pytest
from stepwise import negative_log_likelihoods

from scriptmodel_trainer.presets import PRESETS, Preset, with_overrides
from scriptmodel_trainer.progress.listeners import TextProgress
from scriptmodel_trainer.stopping import StopSignals
from scriptmodel_trainer.training.batches import cut_for_training, cut_for_validation
from scriptmodel_trainer.training.hardware import load_tensorflow
from scriptmodel_trainer.training.state import Budget, Effort

load_tensorflow(0)

import tensorflow as tf  # noqa: E402  # quietly loaded above

from scriptmodel_trainer.generation.network import Network  # noqa: E402  # as above
from scriptmodel_trainer.training import loop  # noqa: E402  # as above
from scriptmodel_trainer.training.graph import TrainingGraph, ValidationGraph  # noqa: E402  # as above
from scriptmodel_trainer.training.model import LanguageModel  # noqa: E402  # as above
from scriptmodel_trainer.training.optimizers import Optimizer, WeightAverage  # noqa: E402  # as above
from scriptmodel_trainer.training.stores import CheckpointFile  # noqa: E402  # as above
from scriptmodel_trainer.training.task import TrainingTask  # noqa: E402  # as above

STREAM = np.random.default_rng(5).integers(0, 50, 1500).astype(np.int32)
SETTINGS = {"hidden_units": "12", "embedding_units": "8", "steps": "5", "batch_size": "4", "ema_decay": "0.9"}


def preset(**more: str) -> Preset:
    return with_overrides(PRESETS["demo"], SETTINGS | more)


def test_the_average_is_that_of_a_reference_in_numpy() -> None:
    chosen = preset()
    model = LanguageModel(chosen, 50, seed=2)
    average = WeightAverage(model)
    expected = {name: weights.astype(np.float64) for name, weights in model.weights().items()}
    rows = cut_for_training(STREAM, chosen.batch_size, chosen.steps, 0)
    graph = TrainingGraph(model, Optimizer(chosen, model.variables), rows, 3, average)
    for step in range(30):
        graph.run(step, step, [0.01])
        decay = min(0.9, (1 + step) / (10 + step))
        for name, weights in model.weights().items():
            expected[name] = decay * expected[name] + (1 - decay) * weights
    for name, weights in average.model.weights().items():
        assert weights == pytest.approx(expected[name], abs=1e-6), name
        assert not np.allclose(weights, model.weights()[name], atol=1e-4), name


def test_the_average_of_constant_weights_is_these_weights() -> None:
    model = LanguageModel(preset(), 50, seed=2)
    average = WeightAverage(model)
    for step in range(200):
        average.update(tf.constant(step))
    for name, weights in model.weights().items():
        assert np.array_equal(weights, average.model.weights()[name]), name


def test_without_a_decay_the_model_is_its_own_average_and_nothing_is_stored() -> None:
    model = LanguageModel(preset(ema_decay="0"), 50, seed=2)
    average = WeightAverage(model)
    assert average.model is model
    assert average.slots == {}


def test_validation_and_model_have_the_averaged_weights_and_training_goes_on_from_its_own() -> None:
    plain, averaged = preset(ema_decay="0"), preset()
    trained = []
    for chosen in (plain, averaged):
        model = LanguageModel(chosen, 50, seed=2)
        average = WeightAverage(model)
        rows = cut_for_training(STREAM, chosen.batch_size, chosen.steps, 0)
        graph = TrainingGraph(model, Optimizer(chosen, model.variables), rows, 3, average)
        validation = ValidationGraph(average.model, cut_for_validation(STREAM, 0))
        graph.run(0, 0, [0.01] * 20)
        losses = [validation.run(), validation.run()]
        graph.run(20, 20, [0.01] * 20)
        trained.append((model.weights(), losses))
    (own, plain_losses), (others, averaged_losses) = trained
    assert all(np.array_equal(own[name], others[name]) for name in own)
    assert averaged_losses[0] == averaged_losses[1] != plain_losses[0]


def task(chosen: Preset, store: CheckpointFile, *resume_from: CheckpointFile) -> TrainingTask:
    return TrainingTask(
        *("demo", chosen, 50, STREAM, STREAM, {}, 0, 1, "run", "", "", store, 3600.0, lambda _: ""),
        resume_from=resume_from,
    )


def test_validation_of_the_average_clears_the_state_where_documents_start(tmp_path: Path) -> None:
    chosen = preset(epochs="2", cache_window="50")
    begun = dataclasses.replace(task(chosen, CheckpointFile(tmp_path / "a.npz", "run")), document=7)
    result = loop.fit(begun, TextProgress(io.StringIO()), StopSignals())
    expected = negative_log_likelihoods(Network(result.weights, 7), STREAM, 0)
    found = result.history[result.best_epoch - 1].valid_perplexity
    assert math.log(found) == pytest.approx(expected.mean(), rel=1e-4)


def test_a_run_whose_budget_is_used_up_before_anything_was_saved_trains_a_little(tmp_path: Path) -> None:
    begun = task(preset(), CheckpointFile(tmp_path / "a.npz", "run"))
    begun = dataclasses.replace(begun, budget=Budget(seconds=3), effort=Effort(seconds=24))
    result = loop.fit(begun, TextProgress(io.StringIO()), StopSignals())
    assert (len(result.history), result.stopped_by) == (1, "budget")
