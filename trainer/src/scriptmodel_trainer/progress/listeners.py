"""Shows events: as the log lines of the published example, as JSON lines, or as a bar on a terminal."""

import abc
import math
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from scriptmodel_trainer.errors import StoppedError, one_line, printable, program_name
from scriptmodel_trainer.progress.events import Failed, Measured, Progressed, ProgressEvent, TrialEnded, Warned
from scriptmodel_trainer.storage.controls import json_text

_DIGITS = {
    **dict.fromkeys(("fraction", "share", "value"), 4),
    **dict.fromkeys(("perplexity", "train_perplexity", "valid_perplexity", "network_perplexity"), 3),
    **dict.fromkeys(("words_per_second", "eta_seconds", "seconds", "gpu_seconds"), 1),
}
_SECONDS = 5.0  # between two lines on a text that is scored


class Progress(abc.ABC):
    def note(self, text: str) -> None:
        """Show something worth knowing that is neither event nor error."""
        _print_aside("note", text)

    @abc.abstractmethod
    def report(self, event: ProgressEvent) -> None:
        """Show an event."""


def progress_for(log: str, **more: str) -> Progress:
    """Return the listener for `--log`: JSON lines, or text as a bar on a terminal and as published lines elsewhere.

    JSON objects have the fields of `more`, too.
    """
    if log == "json":
        return JsonProgress(partial(print, end="", flush=True), **more)
    return BarProgress(sys.stdout) if sys.stdout.isatty() else TextProgress(sys.stdout)


class JsonProgress(Progress):
    """Writes one JSON object a line; a number that is not finite becomes null."""

    def __init__(self, write: Callable[[str], object], **more: str) -> None:
        self._write = write
        self._more = more

    def report(self, event: ProgressEvent) -> None:
        if (kind := event.__struct_config__.tag) is None:
            return
        fields = {name: _plain(name, value) for name, value in _fields(event).items()}
        text = "\n".join(event.lines())
        record = {"event": kind, "time": round(event.time, 3), **self._more, **fields, "text": text}
        self._write(json_text(record) + "\n")


def _fields(event: ProgressEvent) -> dict[str, Any]:
    """Return the fields of an event's JSON object, its kind and time apart."""
    if isinstance(event, Failed):
        error = event.error
        parameter = error.parameter or None
        return {"code": int(error.code), "message": error.message, "hint": error.hint, "parameter": parameter}
    if isinstance(event, TrialEnded):
        return {"trial": event.trial, **event.figures}
    return {name: getattr(event, name) for name in event.__struct_fields__ if name != "time"}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float):
        return round(value, _DIGITS[name]) if math.isfinite(value) else None
    return value


class TextProgress(Progress):
    """The lines that the original example printed."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._place = (0, 0.0)  # epoch and part of it in the last line on a training
        self._measured = 0.0  # when the last line on a text that is scored was due

    def report(self, event: ProgressEvent) -> None:
        match event:
            case Warned():
                _print_aside("warning", event.message)
            case Failed():
                kind = "" if isinstance(event.error, StoppedError) else "error: "
                print(f"{program_name()}: {kind}{event.error.line()}", file=sys.stderr, flush=True)
            case Progressed():
                self._progressed(event)
            case Measured():
                self._measure(event)
            case _:
                for line in event.lines():
                    self._print(line)

    def _progressed(self, event: Progressed) -> None:
        """Show a place in an epoch once, however long the text that is scored after it."""
        before, self._place = self._place, (event.epoch, event.fraction)
        if self._place == before:
            return
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
        print(printable(line), file=self._out, flush=True)


class BarProgress(TextProgress):
    """Progress bar on a terminal: one line that is redrawn and never wraps."""

    _widest = 24

    def note(self, text: str) -> None:
        self._clear()
        super().note(text)

    def report(self, event: ProgressEvent) -> None:
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
