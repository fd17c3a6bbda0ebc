"""How long this machine trains, beside the minutes of the table of `auto`."""

import dataclasses
import time
from collections.abc import Sequence

import numpy as np

from scriptmodel_trainer.model.hardware import faster_precision
from scriptmodel_trainer.model.letter_ngrams import letter_ngrams_of
from scriptmodel_trainer.model.network_tensorflow import LanguageModel
from scriptmodel_trainer.training.auto import choose, minutes_of, preset_of
from scriptmodel_trainer.training.batches import cut_for_training
from scriptmodel_trainer.training.graph import TrainingGraph
from scriptmodel_trainer.training.optimizers import Optimizer

_SECONDS = 2.0  # a shorter test may fall between two turns of other programs
_TOKENS = 100_000
_FASTEST = 0.5  # cores beyond four, and GPUs, hardly train a small network faster


def pace_here(words: Sequence[str]) -> float:
    """Return how many minutes this machine takes, as busy as it is, for a training that `auto` counts as one minute.

    Windows of its longest training are timed, of a text with these words, as frequent as Zipf's law has them.
    """
    choice = choose(_TOKENS, None)
    preset = dataclasses.replace(preset_of(choice), precision=faster_precision())
    size = preset.batch_size * preset.steps
    known = words[: preset.vocabulary_size]
    letter_ngrams = letter_ngrams_of(known, preset.letter_ngrams, preset.optimizer)
    model = LanguageModel(preset, len(known), seed=0, letter_ngrams=letter_ngrams)
    ranks = np.exp(np.random.default_rng(0).uniform(0, np.log(len(known)), 2 * size)) - 1
    rows = cut_for_training(ranks.astype(np.int32), preset.batch_size, preset.steps, first=0)
    graph = TrainingGraph(model, Optimizer(preset, model.variables), rows, seed=0)
    graph.run(0, 0, [0.0])  # the first one compiles
    started, windows = time.perf_counter(), 0
    while (seconds := time.perf_counter() - started) < _SECONDS:
        graph.run(0, 0, [0.0])
        windows += 1
    meant = 60 * minutes_of(choice) / (preset.epochs * _TOKENS / size)
    return round(max(seconds / windows / meant, _FASTEST), 2)
