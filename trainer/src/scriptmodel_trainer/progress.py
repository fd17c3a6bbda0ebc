"""The one place that prints while a model is trained: published log lines, JSON lines, or a bar on a terminal."""

from __future__ import annotations

import math
import shlex
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

from scriptmodel_trainer.controls import json_text
from scriptmodel_trainer.errors import TrainerError, one_line


@dataclass(frozen=True, slots=True)
class Started:
    """What is about to be trained; `parameters` is the number of weights, `resumed_from` the epoch gone on with."""

    preset: str
    parameters: int
    tokens: Mapping[str, int]
    vocabulary: int
    epochs: int
    resumed_from: int | None


@dataclass(frozen=True, slots=True)
class Progressed:
    """Where training stands: `fraction` of the epoch, running perplexity of the epoch, seconds until the end."""

    epoch: int
    epochs: int
    fraction: float
    perplexity: float
    words_per_second: float
    eta_seconds: float


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """One pass over the training text is done; `best` if no epoch so far validated better.

    `sample` is a line of script written by the weights of this epoch; empty if they cannot write one.
    """

    epoch: int
    train_perplexity: float
    valid_perplexity: float
    best: bool
    sample: str = ""


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning: `code` is stable, for programs; `message` is one line, cause first."""

    code: str
    message: str


class Output(Protocol):
    """What lines are written to."""

    def write(self, text: str, /) -> object:
        """Take a text."""

    def flush(self) -> None:
        """Pass on what was taken."""


class Progress(Protocol):
    """Listener of a training run."""

    def note(self, text: str) -> None:
        """Something worth knowing that is no error."""

    def warned(self, warning: Warned) -> None:
        """Something that probably is not what the person wants."""

    def started(self, event: Started) -> None:
        """Training begins."""

    def epoch_began(self, epoch: int, rate: float) -> None:
        """A pass begins with that learning rate."""

    def progressed(self, event: Progressed) -> None:
        """Part of a pass is done."""

    def epoch_ended(self, event: EpochEnded) -> None:
        """A pass is done and validated."""

    def done(self, perplexity: float, seconds: float) -> None:
        """All is done; perplexity on the test split."""

    def stored(self, folder: Path, report: Path) -> None:
        """The model is in that folder, its report in that file."""

    def wrote(self, path: Path, words: int | None) -> None:
        """A file is written; `words` of script, None for any other file."""

    def failed(self, error: TrainerError) -> None:
        """The command ends with this error."""


def progress_for(log: str) -> Progress:
    """The listener for `--log`: json lines on stdout; text as a bar on a terminal, as published lines elsewhere."""
    if log == "json":
        return JsonProgress(sys.stdout)
    return BarProgress(sys.stdout) if sys.stdout.isatty() else TextProgress(sys.stdout)


class JsonProgress:
    """One JSON object a line; a number that is not finite is written as null."""

    def __init__(self, out: Output) -> None:
        self._out = out

    def note(self, text: str) -> None:
        _print_aside("note", text)

    def warned(self, warning: Warned) -> None:
        self._write("warning", code=warning.code, message=warning.message)

    def started(self, event: Started) -> None:
        self._write(
            "start",
            preset=event.preset,
            parameters=event.parameters,
            tokens=dict(event.tokens),
            vocabulary=event.vocabulary,
            epochs=event.epochs,
            resumed_from=event.resumed_from,
        )

    def epoch_began(self, epoch: int, rate: float) -> None:
        pass  # the rate stands in metrics.json

    def progressed(self, event: Progressed) -> None:
        self._write(
            "progress",
            epoch=event.epoch,
            epochs=event.epochs,
            fraction=round(event.fraction, 4),
            perplexity=round(event.perplexity, 3),
            words_per_second=round(event.words_per_second, 1),
            eta_seconds=round(event.eta_seconds, 1),
        )

    def epoch_ended(self, event: EpochEnded) -> None:
        self._write(
            "epoch",
            epoch=event.epoch,
            train_perplexity=round(event.train_perplexity, 3),
            valid_perplexity=round(event.valid_perplexity, 3),
            best=event.best,
            sample=event.sample,
        )

    def done(self, perplexity: float, seconds: float) -> None:
        self._write("done", perplexity=round(perplexity, 3), seconds=round(seconds, 1))

    def stored(self, folder: Path, report: Path) -> None:
        pass  # whoever reads the events named the folder

    def wrote(self, path: Path, words: int | None) -> None:
        self._write("written", file=str(path), words=words)

    def failed(self, error: TrainerError) -> None:
        self._write(
            "error", code=int(error.code), message=error.message, hint=error.hint, parameter=error.parameter or None
        )

    def _write(self, event: str, **fields: Any) -> None:
        clean = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in fields.items()
        }
        record = {"event": event, "time": round(time.time(), 3), **clean}
        self._out.write(json_text(record) + "\n")
        self._out.flush()


class TextProgress:
    """The lines that the original example printed."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def note(self, text: str) -> None:
        _print_aside("note", text)

    def warned(self, warning: Warned) -> None:
        _print_aside("warning", warning.message)

    def started(self, event: Started) -> None:
        tokens = ", ".join(f"{count:,} {name}" for name, count in event.tokens.items())
        resumed = f", resumed in epoch {event.resumed_from}" if event.resumed_from else ""
        self._print(
            f"Preset {event.preset}: {event.parameters:,} parameters, vocabulary {event.vocabulary:,}; "
            f"tokens: {tokens}; {event.epochs} epochs{resumed}"
        )

    def epoch_began(self, epoch: int, rate: float) -> None:
        self._print(f"Epoch: {epoch} Learning rate: {rate:.3f}")

    def progressed(self, event: Progressed) -> None:
        speed = event.words_per_second
        self._print(f"{event.fraction:.3f} perplexity: {event.perplexity:.3f} speed: {speed:.0f} wps")

    def epoch_ended(self, event: EpochEnded) -> None:
        self._print(f"Epoch: {event.epoch} Train Perplexity: {event.train_perplexity:.3f}")
        self._print(f"Epoch: {event.epoch} Valid Perplexity: {event.valid_perplexity:.3f}")
        if event.sample:
            self._print(f"Epoch: {event.epoch} Sample: {event.sample}")

    def done(self, perplexity: float, seconds: float) -> None:
        del seconds
        self._print(f"Test Perplexity: {perplexity:.3f}")

    def stored(self, folder: Path, report: Path) -> None:
        self._print(f"Model: {folder}")
        self._print(f"Report: {report}")
        self._print(f"Next: scriptmodel-trainer generate {shlex.quote(str(folder))} --words 300")

    def wrote(self, path: Path, words: int | None) -> None:
        self._print(f"Wrote {path}" if words is None else f"Wrote {path} ({words:,} words)")

    def failed(self, error: TrainerError) -> None:
        print(f"scriptmodel-trainer: error: {error.line()}", file=sys.stderr, flush=True)

    def _print(self, line: str) -> None:
        print(line, file=self._out, flush=True)


class BarProgress(TextProgress):
    """On a terminal: one line that moves instead of many, and never wraps."""

    _widest = 24

    def note(self, text: str) -> None:
        self._clear()
        super().note(text)

    def warned(self, warning: Warned) -> None:
        self._clear()
        super().warned(warning)

    def progressed(self, event: Progressed) -> None:
        columns = shutil.get_terminal_size().columns - 1
        self._clear()
        self._out.write(self._line(event, columns)[:columns])
        self._out.flush()

    def failed(self, error: TrainerError) -> None:
        self._clear()
        super().failed(error)

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
    print(f"{kind}:", one_line(text), file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
