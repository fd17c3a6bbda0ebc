"""What a training run is given and what it returns."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from scriptmodel_trainer.model.letter_ngrams import LetterNgrams
from scriptmodel_trainer.model.presets import Preset
from scriptmodel_trainer.storage.arrays import Floats, Ids
from scriptmodel_trainer.storage.records import Choice, Device, EpochRecord
from scriptmodel_trainer.training.checkpoints import Checkpoint, Checkpoints
from scriptmodel_trainer.training.state import RunState


@dataclass(frozen=True, slots=True)
class TrainingTask:
    """A training run: preset, token numbers of the train and valid splits, and where to keep its state.

    `tokens` counts each split; `first` is the number of the token that precedes both streams.
    """

    preset_name: str
    preset: Preset
    vocabulary: int
    train: Ids
    valid: Ids
    tokens: dict[str, int]
    first: int
    seed: int
    fingerprint: str
    store: Checkpoints
    checkpoint_seconds: float
    sample: Callable[[dict[str, Floats]], str]
    """Writes a line of script with the given weights; must not draw from any generator that training uses."""
    outlives: bool = False
    """Whether the folder of the checkpoints outlives this process."""
    saved: Checkpoint | None = None
    """The checkpoint to continue from."""
    start: Mapping[str, Floats] | None = None
    """Weights to start from instead of random ones."""
    budget: float = math.inf
    """The seconds that the run may take over all restarts."""
    state: RunState = field(default_factory=RunState)
    """How far the run is; training keeps it up to date."""
    document: int | None = None
    """The number of the token that starts a document and clears the state, if there is one."""
    letter_ngrams: LetterNgrams | None = None
    """The n-grams of letters of the words, if words share vectors by them."""
    device: Device = field(default_factory=Device)
    gpu_requested: bool = False
    auto: Choice | None = None
    """What chose the preset."""


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """Weights of the epoch with the best validation perplexity, and the records of all epochs.

    `stopped_by` is `epochs`, `early-stopping` or `budget`.
    """

    weights: dict[str, Floats]
    history: tuple[EpochRecord, ...]
    best_epoch: int
    seconds: float
    stopped_by: str
