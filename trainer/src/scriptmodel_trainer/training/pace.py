"""How long this machine trains, beside the minutes of the table of `auto`."""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from scriptmodel_trainer.presets import PRESETS
from scriptmodel_trainer.training.batches import cut_for_training
from scriptmodel_trainer.training.graph import TrainingGraph
from scriptmodel_trainer.training.hardware import faster_precision
from scriptmodel_trainer.training.model import LanguageModel
from scriptmodel_trainer.training.optimizers import Optimizer

_SECONDS = 2.0  # a shorter test may fall between two turns of other programs
_WINDOW = 0.0775  # seconds: 3 minutes of the table for 100,000 tokens, 13 epochs, in windows of 560 tokens
_FASTEST = 0.5  # cores beyond four, and GPUs, hardly train a small network faster


def pace_here() -> float:
    """Return how many minutes this machine takes, as busy as it is, for a training that `auto` counts as one minute.

    Windows of `tuned-few` with the vocabulary and the cache of `auto` are timed.
    """
    preset = dataclasses.replace(PRESETS["tuned-few"], precision=faster_precision(), cache_window=500)
    model = LanguageModel(preset, 15_000, seed=0)
    tokens = np.arange(2 * preset.batch_size * preset.steps, dtype=np.int32)
    rows = cut_for_training(tokens, preset.batch_size, preset.steps, first=0)
    graph = TrainingGraph(model, Optimizer(preset, model.variables), rows, seed=0)
    graph.run(0, 0, [0.0])  # the first one compiles
    started, windows = time.perf_counter(), 0
    while (seconds := time.perf_counter() - started) < _SECONDS:
        graph.run(0, 0, [0.0])
        windows += 1
    return round(max(seconds / windows / _WINDOW, _FASTEST), 2)
