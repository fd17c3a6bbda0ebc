"""The one place that prints while a model is trained: published log lines, JSON lines, or a bar on a terminal."""

from __future__ import annotations

import dataclasses
import json
import math
import shlex
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, TextIO

from scriptmodel_trainer.errors import TrainerError

_DIGITS = {
    "fraction": 4,
    **dict.fromkeys(("perplexity", "train_perplexity", "valid_perplexity"), 3),
    **dict.fromkeys(("words_per_second", "eta_seconds", "seconds"), 1),
}


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
    """Training starts. `parameters` is the number of weights, `resumed_from` the epoch that a resumed run continues."""

    kind: ClassVar[str | None] = "start"
    preset: str
    parameters: int
    tokens: Mapping[str, int]
    vocabulary: int
    epochs: int
    resumed_from: int | None


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
class FileWritten(Event):
    """A file is complete; `words` counts the words of a script and is None for any other file."""

    kind: ClassVar[str | None] = "written"
    file: Path
    words: int | None


@dataclass(frozen=True, slots=True)
class Failed(Event):
    """The command ends with this error."""

    kind: ClassVar[str | None] = "error"
    error: TrainerError


class Output(Protocol):
    """What lines are written to."""

    def write(self, text: str, /) -> object:
        """Take a text."""

    def flush(self) -> None:
        """Pass on what was taken."""


class Progress(Protocol):
    """Listener of a command."""

    def note(self, text: str) -> None:
        """Show something worth knowing that is neither event nor error."""

    def report(self, event: Event) -> None:
        """Show an event."""


def progress_for(log: str) -> Progress:
    """The listener for `--log`: json lines on stdout; text as a bar on a terminal, as published lines elsewhere."""
    if log == "json":
        return JsonProgress(sys.stdout)
    return BarProgress(sys.stdout) if sys.stdout.isatty() else TextProgress(sys.stdout)


class JsonProgress:
    """Writes one JSON object a line; a number that is not finite becomes null."""

    def __init__(self, out: Output) -> None:
        self._out = out

    def note(self, text: str) -> None:
        _print_aside("note", text)

    def report(self, event: Event) -> None:
        if event.kind is None:
            return
        fields = {name: _plain(name, value) for name, value in _fields(event).items()}
        record = {"event": event.kind, "time": round(event.time, 3), **fields}
        self._out.write(json.dumps(record, ensure_ascii=False) + "\n")
        self._out.flush()


def _fields(event: Event) -> dict[str, Any]:
    """Return the fields of an event's JSON object, its kind and time apart."""
    if isinstance(event, Failed):
        error = event.error
        return {
            "code": int(error.code),
            "message": error.message,
            "hint": error.hint,
            "parameter": error.parameter or None,
        }
    return {field.name: getattr(event, field.name) for field in dataclasses.fields(event) if field.name != "time"}


def _plain(name: str, value: Any) -> Any:
    """Return a field's value as strict JSON holds it, rounded to the digits that matter."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float):
        return round(value, _DIGITS[name]) if math.isfinite(value) else None
    return value


class TextProgress:
    """The lines that the original example printed."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def note(self, text: str) -> None:
        _print_aside("note", text)

    def report(self, event: Event) -> None:
        match event:
            case Warned():
                _print_aside("warning", event.message)
            case Failed():
                print(f"scriptmodel-trainer: error: {event.error.line()}", file=sys.stderr, flush=True)
            case Progressed():
                self._progressed(event)
            case _:
                for line in _lines(event):
                    self._print(line)

    def _progressed(self, event: Progressed) -> None:
        speed = event.words_per_second
        self._print(f"{event.fraction:.3f} perplexity: {event.perplexity:.3f} speed: {speed:.0f} wps")

    def _print(self, line: str) -> None:
        print(line, file=self._out, flush=True)


def _lines(event: Event) -> Iterator[str]:
    """Yield the lines that show an event to a person."""
    match event:
        case Started():
            tokens = ", ".join(f"{count:,} {name}" for name, count in event.tokens.items())
            resumed = f", resumed in epoch {event.resumed_from}" if event.resumed_from else ""
            yield (
                f"Preset {event.preset}: {event.parameters:,} parameters, vocabulary {event.vocabulary:,}; "
                f"tokens: {tokens}; {event.epochs} epochs{resumed}"
            )
        case EpochStarted():
            yield f"Epoch: {event.epoch} Learning rate: {event.learning_rate:.3f}"
        case EpochEnded():
            yield f"Epoch: {event.epoch} Train Perplexity: {event.train_perplexity:.3f}"
            yield f"Epoch: {event.epoch} Valid Perplexity: {event.valid_perplexity:.3f}"
            if event.sample:
                yield f"Epoch: {event.epoch} Sample: {event.sample}"
        case Done():
            yield f"Test Perplexity: {event.perplexity:.3f}"
        case ModelStored():
            yield f"Model: {event.folder}"
            yield f"Report: {event.report}"
            yield f"Next: scriptmodel-trainer generate {shlex.quote(str(event.folder))} --words 300"
        case FileWritten():
            yield f"Wrote {event.file}" if event.words is None else f"Wrote {event.file} ({event.words:,} words)"


class BarProgress(TextProgress):
    """On a terminal: one line that moves instead of many, and never wraps."""

    _widest = 24

    def note(self, text: str) -> None:
        self._clear()
        super().note(text)

    def report(self, event: Event) -> None:
        if isinstance(event, Warned | Failed):  # these go to standard error: the same terminal
            self._clear()
        super().report(event)

    def _progressed(self, event: Progressed) -> None:
        columns = shutil.get_terminal_size().columns - 1
        self._clear()
        self._out.write(self._line(event, columns)[:columns])
        self._out.flush()

    def _line(self, event: Progressed, columns: int) -> str:
        epoch, share = f"{event.epoch}/{event.epochs}", f"{event.fraction:.0%}"
        perplexity, speed, left = f"{event.perplexity:.1f}", event.words_per_second, _duration(event.eta_seconds)
        before = f"Epoch {epoch} "
        after = f" {share:>4}  perplexity {perplexity}  {speed:,.0f} words/s  {left} left"
        width = min(self._widest, columns - len(before) - len(after))
        if width < 1:
            return f"{epoch} {share} ppl {perplexity} {left} {speed:.0f} w/s"
        filled = round(event.fraction * width)
        return before + "█" * filled + "░" * (width - filled) + after

    def _print(self, line: str) -> None:
        self._clear()
        super()._print(line)

    def _clear(self) -> None:
        self._out.write("\r\x1b[K")
        self._out.flush()


def _print_aside(kind: str, text: str) -> None:
    print(f"{kind}:", *text.split(), file=sys.stderr, flush=True)  # one line, whatever a file is called


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
