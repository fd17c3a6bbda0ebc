"""Events of a running command, for people and for the JSON log."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from scriptmodel_trainer.errors import Reported


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened while a command ran; `time` is when, in seconds since 1970.

    `kind` is its name in the JSON log; None for what only people are shown. All fields go into the JSON object.
    """

    kind: ClassVar[str | None] = None
    time: float = field(default_factory=time.time, kw_only=True, compare=False)


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """A warning: `code` is stable, for programs; `message` is one line, cause first."""

    kind: ClassVar[str | None] = "warning"
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Started(Event):
    """Training starts. `parameters` is the number of weights, `resumed_from` the epoch that a resumed run continues;
    `state` is true if a folder that outlives this process keeps the run's state."""

    kind: ClassVar[str | None] = "start"
    preset: str
    parameters: int
    tokens: Mapping[str, int]
    vocabulary: int
    epochs: int
    resumed_from: int | None
    state: bool


@dataclass(frozen=True, slots=True)
class DeviceUsed(Event):
    """What computes: `device` is `gpu` or `cpu`; `memory_bytes` is that of a GPU, None if it is not known."""

    kind: ClassVar[str | None] = "device"
    device: str
    name: str
    memory_bytes: int | None
    precision: str
    gpu_requested: bool


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """A run continues after `share` (0 to 1) of an epoch; restarts and recomputed seconds are over all attempts."""

    kind: ClassVar[str | None] = "resumed"
    epoch: int
    share: float
    restarts: int
    recomputed_seconds: float


@dataclass(frozen=True, slots=True)
class EpochStarted(Event):
    """A pass over the training text starts with this learning rate."""

    epoch: int
    learning_rate: float


@dataclass(frozen=True, slots=True)
class Progressed(Event):
    """Part of an epoch is done: its `fraction`, its running perplexity, and the seconds until the end of training."""

    kind: ClassVar[str | None] = "progress"
    epoch: int
    epochs: int
    fraction: float
    perplexity: float
    words_per_second: float
    eta_seconds: float


@dataclass(frozen=True, slots=True)
class Measured(Event):
    """Part of a text is scored: its `fraction`, and the seconds until the end."""

    fraction: float
    words_per_second: float
    eta_seconds: float


@dataclass(frozen=True, slots=True)
class EpochEnded(Event):
    """A pass over the training text is done and validated; `best` if no earlier epoch validated better.

    `sample` is a line of script written by the weights of this epoch; empty if they cannot write one.
    """

    kind: ClassVar[str | None] = "epoch"
    epoch: int
    train_perplexity: float
    valid_perplexity: float
    best: bool
    sample: str = ""


@dataclass(frozen=True, slots=True)
class TrigramsMixed(Event):
    """Trigrams get this `share` of the prediction; validation perplexity of the mixture, and of the network alone."""

    kind: ClassVar[str | None] = "trigrams"
    share: float
    valid_perplexity: float
    network_perplexity: float


@dataclass(frozen=True, slots=True)
class TemperatureChosen(Event):
    """The judge chose the temperature of the model's scripts; `scores` has the score of each that it tried."""

    kind: ClassVar[str | None] = "temperature"
    temperature: float
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Done(Event):
    """Training is complete; `perplexity` is that of the test split."""

    kind: ClassVar[str | None] = "done"
    perplexity: float
    seconds: float


@dataclass(frozen=True, slots=True)
class ModelStored(Event):
    """The model directory is complete."""

    folder: Path
    report: Path


@dataclass(frozen=True, slots=True)
class TrialEnded(Event):
    """A run of a search ended, or paused; the fields are those of its `trial.json`."""

    kind: ClassVar[str | None] = "trial"
    trial: str
    state: str
    reason: str
    message: str
    epochs: int
    epochs_total: int | None
    perplexity: float | None
    value: float | None
    seconds: float
    gpu_seconds: float


@dataclass(frozen=True, slots=True)
class FileWritten(Event):
    """A file is complete; `words` counts the words of a script and is None for any other file."""

    kind: ClassVar[str | None] = "written"
    file: Path
    words: int | None


@dataclass(frozen=True, slots=True)
class Failed(Event):
    """The command ends with this error."""

    kind: ClassVar[str | None] = "error"
    error: Reported
