"""Events of a running command, for people and for the JSON log."""

import shlex
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from scriptmodel_trainer.errors import Reported


class ProgressEvent(Struct, frozen=True, kw_only=True):
    """Something that happened while a command ran; `time` is when, in seconds since 1970.

    A class's tag is its name in the JSON log; one without is shown to people only. All fields go into the JSON object,
    and the lines as `text`.
    """

    time: float = field(default_factory=time.time)

    def lines(self) -> Iterator[str]:
        """Yield the lines that show the event to a person."""
        yield from ()


class Warned(ProgressEvent, frozen=True, tag="warning"):
    """A warning: `code` is stable, for programs; `message` is one line, cause first."""

    code: str
    message: str

    def lines(self) -> Iterator[str]:
        yield f"Warning: {self.message}"


class Started(ProgressEvent, frozen=True, tag="start"):
    """Training starts. `parameters` is the number of weights, `resumed_from` the epoch that a resumed run continues;
    `state` is true if a folder that outlives this process keeps the run's state."""

    preset: str
    parameters: int
    tokens: Mapping[str, int]
    vocabulary: int
    epochs: int
    resumed_from: int | None
    state: bool

    def lines(self) -> Iterator[str]:
        tokens = ", ".join(f"{count:,} {name}" for name, count in self.tokens.items())
        resumed = f", resumed in epoch {self.resumed_from}" if self.resumed_from else ""
        yield (
            f"Preset {self.preset}: {self.parameters:,} parameters, vocabulary {self.vocabulary:,}; "
            f"tokens: {tokens}; {self.epochs} epoch{'s' * (self.epochs != 1)}{resumed}"
        )


class DeviceUsed(ProgressEvent, frozen=True, tag="device"):
    """What computes: `device` is `gpu` or `cpu`; `memory_bytes` is that of a GPU, None if it is not known."""

    device: str
    name: str
    memory_bytes: int | None
    precision: str
    gpu_requested: bool

    def lines(self) -> Iterator[str]:
        memory = f" with {self.memory_bytes / 2**30:.0f} GiB" if self.memory_bytes else ""
        yield f"Device: {self.name} ({self.device}){memory}, {self.precision}"


class Resumed(ProgressEvent, frozen=True, tag="resumed"):
    """A run continues after `share` (0 to 1) of an epoch; `restarts` counts over all attempts."""

    epoch: int
    share: float
    restarts: int

    def lines(self) -> Iterator[str]:
        yield f"Resumed in epoch {self.epoch} at {self.share:.0%}: restart {self.restarts} of this training"


class EpochStarted(ProgressEvent, frozen=True):
    """A pass over the training text starts with this learning rate."""

    epoch: int
    learning_rate: float

    def lines(self) -> Iterator[str]:
        yield f"Epoch: {self.epoch} Learning rate: {self.learning_rate:.3f}"


class Progressed(ProgressEvent, frozen=True, tag="progress"):
    """Part of an epoch is done: its `fraction`, its running perplexity, and the seconds until the end of training."""

    epoch: int
    epochs: int
    fraction: float
    perplexity: float
    words_per_second: float
    eta_seconds: float

    def lines(self) -> Iterator[str]:
        place, speed = f"{self.epoch}/{self.epochs} {self.fraction:.0%}", f"{self.words_per_second:,.0f} words/s"
        yield f"Epoch: {place} Perplexity: {self.perplexity:.1f}, {speed}, {self.eta_seconds:,.0f} s left"


class Measured(ProgressEvent, frozen=True):
    """Part of a text is scored: its `fraction`, and the seconds until the end."""

    fraction: float
    words_per_second: float
    eta_seconds: float


class EpochEnded(ProgressEvent, frozen=True, tag="epoch"):
    """A pass over the training text is done and validated; `best` if no earlier epoch validated better.

    `sample` is a line of script written by the weights of this epoch; empty if they cannot write one.
    """

    epoch: int
    train_perplexity: float
    valid_perplexity: float
    best: bool
    sample: str = ""

    def lines(self) -> Iterator[str]:
        yield f"Epoch: {self.epoch} Train Perplexity: {self.train_perplexity:.3f}"
        yield f"Epoch: {self.epoch} Valid Perplexity: {self.valid_perplexity:.3f}"
        if self.sample:
            yield f"Epoch: {self.epoch} Sample: {self.sample}"


class TrigramsMixed(ProgressEvent, frozen=True, tag="trigrams"):
    """Trigrams get this `share` of the prediction; validation perplexity of the mixture, and of the network alone."""

    share: float
    valid_perplexity: float
    network_perplexity: float

    def lines(self) -> Iterator[str]:
        valid, network = self.valid_perplexity, self.network_perplexity
        yield f"Valid Perplexity: {valid:.3f} with trigrams ({self.share:.0%}), {network:.3f} without"


class Done(ProgressEvent, frozen=True, tag="done"):
    """Training is complete; `perplexity` is that of the test split."""

    perplexity: float
    seconds: float

    def lines(self) -> Iterator[str]:
        yield f"Test Perplexity: {self.perplexity:.3f}"


class ModelStored(ProgressEvent, frozen=True):
    folder: Path
    report: Path

    def lines(self) -> Iterator[str]:
        yield f"Model: {self.folder}"
        yield f"Report: {self.report}"
        yield f"Next: scriptmodel-trainer generate {shlex.quote(str(self.folder))} --words 300"


class TrialEnded(ProgressEvent, frozen=True, tag="trial"):
    """A run of a search ended; `figures` are the fields of its `trial.json`."""

    trial: str
    figures: Mapping[str, Any]

    def lines(self) -> Iterator[str]:
        reached = "after {epochs} of {epochs_total} epochs, validation perplexity {perplexity:.3f}"
        why = "({reason}): {message}" if self.figures["state"] == "failed" else reached
        yield f"Trial {self.trial}: " + f"{{state}} {why}".format_map(self.figures)


class FileWritten(ProgressEvent, frozen=True, tag="written"):
    """A file is complete; `words` counts the words of a script and is None for any other file."""

    file: Path
    words: int | None

    def lines(self) -> Iterator[str]:
        yield f"Wrote {self.file}" if self.words is None else f"Wrote {self.file} ({self.words:,} words)"


class Failed(ProgressEvent, frozen=True, tag="error"):
    error: Reported

    def lines(self) -> Iterator[str]:
        yield f"Error: {self.error.line()}"
