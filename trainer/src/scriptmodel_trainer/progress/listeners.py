"""Shows events: as the log lines of the published example, as JSON lines, or as a bar on a terminal."""

from __future__ import annotations

import abc
import dataclasses
import math
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, TextIO

from scriptmodel_trainer.controls import json_text
from scriptmodel_trainer.errors import one_line
from scriptmodel_trainer.progress.events import (
    DeviceUsed,
    Done,
    EpochEnded,
    EpochStarted,
    Event,
    Failed,
    FileWritten,
    Measured,
    ModelStored,
    Progressed,
    Resumed,
    Started,
    TemperatureChosen,
    TrialEnded,
    TrigramsMixed,
    Warned,
)

_DIGITS = {
    **dict.fromkeys(("fraction", "share", "temperature", "value"), 4),
    **dict.fromkeys(("perplexity", "train_perplexity", "valid_perplexity", "network_perplexity"), 3),
    **dict.fromkeys(("words_per_second", "eta_seconds", "seconds", "gpu_seconds", "recomputed_seconds"), 1),
}


_SECONDS = 5.0  # between two lines on a text that is scored


class Output(Protocol):
    """Destination of lines."""

    def write(self, text: str, /) -> object:
        """Write a text."""

    def flush(self) -> None:
        """Flush what was written."""


class Progress(abc.ABC):
    """Listener of a command."""

    def note(self, text: str) -> None:
        """Show something worth knowing that is neither event nor error."""
        _print_aside("note", text)

    @abc.abstractmethod
    def report(self, event: Event) -> None:
        """Show an event."""


def progress_for(log: str, **more: str) -> Progress:
    """Return the listener for `--log`: JSON lines, or text as a bar on a terminal and as published lines elsewhere.

    JSON objects have the fields of `more`, too.
    """
    if log == "json":
        return JsonProgress(sys.stdout, **more)
    return BarProgress(sys.stdout) if sys.stdout.isatty() else TextProgress(sys.stdout)


class JsonProgress(Progress):
    """Writes one JSON object a line; a number that is not finite becomes null."""

    def __init__(self, out: Output, **more: str) -> None:
        self._out = out
        self._more = more

    def report(self, event: Event) -> None:
        if event.kind is None:
            return
        fields = {name: _plain(name, value) for name, value in _fields(event).items()}
        record = {"event": event.kind, "time": round(event.time, 3), **self._more, **fields}
        self._out.write(json_text(record) + "\n")
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


class TextProgress(Progress):
    """The lines that the original example printed."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._measured = 0.0  # when the last line on a text that is scored was due

    def report(self, event: Event) -> None:
        match event:
            case Warned():
                _print_aside("warning", event.message)
            case Failed():
                print(f"scriptmodel-trainer: error: {event.error.line()}", file=sys.stderr, flush=True)
            case Progressed():
                self._progressed(event)
            case Measured():
                self._measure(event)
            case _:
                for line in _lines(event):
                    self._print(line)

    def _progressed(self, event: Progressed) -> None:
        speed = event.words_per_second
        self._print(f"{event.fraction:.3f} perplexity: {event.perplexity:.3f} speed: {speed:.0f} wps")

    def _measure(self, event: Measured) -> None:
        """Show every few seconds how much of a text is scored; the result alone goes to standard output."""
        if event.time >= self._measured + _SECONDS:
            if self._measured:
                speed, left = event.words_per_second, _duration(event.eta_seconds)
                _print_aside("note", f"{event.fraction:.0%} measured, {speed:,.0f} words/s, {left} left")
            self._measured = event.time

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
        case DeviceUsed():
            memory = f" with {event.memory_bytes / 2**30:.0f} GiB" if event.memory_bytes else ""
            yield f"Device: {event.name} ({event.device}){memory}, {event.precision}"
        case Resumed():
            yield (
                f"Resumed in epoch {event.epoch} at {event.share:.0%}: restart {event.restarts} of this training, "
                f"{event.recomputed_seconds:.0f} s recomputed so far"
            )
        case EpochStarted():
            yield f"Epoch: {event.epoch} Learning rate: {event.learning_rate:.3f}"
        case EpochEnded():
            yield from _epoch_lines(event)
        case TrigramsMixed() | TemperatureChosen() | Done() | ModelStored():
            yield from _lines_after_training(event)
        case TrialEnded():
            yield _trial_line(event)
        case FileWritten():
            yield f"Wrote {event.file}" if event.words is None else f"Wrote {event.file} ({event.words:,} words)"


def _lines_after_training(event: TrigramsMixed | TemperatureChosen | Done | ModelStored) -> Iterator[str]:
    match event:
        case TrigramsMixed():
            valid, network = event.valid_perplexity, event.network_perplexity
            yield f"Valid Perplexity: {valid:.3f} with trigrams ({event.share:.0%}), {network:.3f} without"
        case TemperatureChosen():
            scores = ", ".join(f"{each} scores {score:.2f}" for each, score in event.scores.items())
            yield f"Temperature: {event.temperature:g} ({scores})"
        case Done():
            yield f"Test Perplexity: {event.perplexity:.3f}"
        case ModelStored():
            yield f"Model: {event.folder}"
            yield f"Report: {event.report}"
            yield f"Next: scriptmodel-trainer generate {shlex.quote(str(event.folder))} --words 300"


def _trial_line(event: TrialEnded) -> str:
    if event.state == "failed":
        return f"Trial {event.trial}: failed ({event.reason}): {event.message}"
    perplexity = "unknown" if event.perplexity is None else f"{event.perplexity:.3f}"
    after = f"{event.epochs} of {event.epochs_total} epochs"
    return f"Trial {event.trial}: {event.state} after {after}, validation perplexity {perplexity}"


def _epoch_lines(event: EpochEnded) -> Iterator[str]:
    yield f"Epoch: {event.epoch} Train Perplexity: {event.train_perplexity:.3f}"
    yield f"Epoch: {event.epoch} Valid Perplexity: {event.valid_perplexity:.3f}"
    if event.sample:
        yield f"Epoch: {event.epoch} Sample: {event.sample}"


class BarProgress(TextProgress):
    """Progress bar on a terminal: one line that is redrawn and never wraps."""

    _widest = 24

    def note(self, text: str) -> None:
        self._clear()
        super().note(text)

    def report(self, event: Event) -> None:
        if isinstance(event, Warned | Failed):  # these go to standard error: the same terminal
            self._clear()
        super().report(event)

    def _measure(self, event: Measured) -> None:
        self._progressed(event)

    def _progressed(self, event: Progressed | Measured) -> None:
        columns = shutil.get_terminal_size().columns - 1
        self._clear()
        if isinstance(event, Progressed) or event.fraction < 1:
            self._out.write(self._line(event, columns)[:columns])
        self._out.flush()

    def _line(self, event: Progressed | Measured, columns: int) -> str:
        share = f"{event.fraction:.0%}"
        speed, left = event.words_per_second, _duration(event.eta_seconds)
        before, perplexity, short = "", "", share
        if isinstance(event, Progressed):
            epoch = f"{event.epoch}/{event.epochs}"
            before, perplexity = f"Epoch {epoch} ", f"  perplexity {event.perplexity:.1f}"
            short = f"{epoch} {share} ppl {event.perplexity:.1f}"
        after = f" {share:>4}{perplexity}  {speed:,.0f} words/s  {left} left"
        width = min(self._widest, columns - len(before) - len(after))
        if width < 1:
            return f"{short} {left} {speed:.0f} w/s"
        filled = round(event.fraction * width)
        return before + "█" * filled + "░" * (width - filled) + after

    def _print(self, line: str) -> None:
        self._clear()
        super()._print(line)

    def _clear(self) -> None:
        self._out.write("\r\x1b[K")
        self._out.flush()


def _print_aside(kind: str, text: str) -> None:
    print(f"{kind}:", one_line(text), file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
