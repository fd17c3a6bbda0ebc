"""What a training run is given and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scriptmodel_trainer.arrays import Floats, Ids
from scriptmodel_trainer.presets import Preset
from scriptmodel_trainer.records import EpochRecord
from scriptmodel_trainer.training.fingerprints import Fingerprints


@dataclass(frozen=True, slots=True)
class TrainingTask:
    """A training run: preset, token numbers of the train and valid splits, and where to keep its state.

    `tokens` counts each split; `eos` is the number of `<eos>`, which precedes both streams.
    """

    preset_name: str
    preset: Preset
    vocabulary: int
    train: Ids
    valid: Ids
    tokens: dict[str, int]
    eos: int
    seed: int
    fingerprints: Fingerprints
    processor: str
    checkpoint: Path
    checkpoint_seconds: float
    sample: Callable[[dict[str, Floats]], str]
    """Writes a line of script with the given weights; must not draw from any generator that training uses."""


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """Weights of the epoch with the best validation perplexity, and the records of all epochs."""

    weights: dict[str, Floats]
    history: tuple[EpochRecord, ...]
    best_epoch: int
    seconds: float
