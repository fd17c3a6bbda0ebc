"""Reads how far a training is from its log, `train.log.jsonl`, while it is written."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from scriptmodel_trainer.artifacts import LOG
from scriptmodel_trainer.errors import TrainerError
from scriptmodel_trainer.reporting.charts import Chart, Series
from scriptmodel_trainer.reporting.templating import number
from scriptmodel_trainer.storage import converted, parse_json, read_bounded

_MOST_BYTES = 4 << 20
_SILENT_SECONDS = 180.0


class Line(msgspec.Struct, frozen=True):
    """An event of the log, with the fields of all kinds."""

    event: str = ""
    time: float = 0.0
    epoch: int = 0
    epochs: int = 0
    fraction: float = 0.0
    perplexity: float = math.nan
    train_perplexity: float = math.nan
    valid_perplexity: float = math.nan
    eta_seconds: float = 0.0
    seconds: float = 0.0
    sample: str = ""
    message: str = ""
    resumed_from: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A training; `state` is training, silent (no event for three minutes), failed or done."""

    state: str
    summary: str
    share: float
    epochs: Sequence[Line]
    chart: Chart

    @property
    def rows(self) -> list[tuple[int, float, float]]:
        """Epoch, training and validation perplexity, as a table."""
        return [(line.epoch, line.train_perplexity, line.valid_perplexity) for line in self.epochs]


def read_run(folder: Path) -> Run | None:
    """Return the newest training of a model directory; None if it has no log that can be read."""
    try:
        content = read_bounded(folder / LOG, _MOST_BYTES)
    except (OSError, TrainerError):
        return None
    lines: list[Line] = []
    for line in _lines(content):
        if line.event == "start" and not line.resumed_from:
            lines = []
        lines.append(line)
    return _run(lines) if lines else None


def _lines(content: bytes) -> Iterator[Line]:
    """Yield the lines that are whole."""
    for text in content.splitlines():
        try:
            yield converted(parse_json(text), Line)
        except ValueError:
            continue


def _run(lines: Sequence[Line]) -> Run:
    epochs = list({line.epoch: line for line in lines if line.event == "epoch"}.values())
    going = [line for line in lines if line.event == "progress" and 0 <= line.fraction <= 1]
    total = max((line.epochs for line in lines), default=0) or len(epochs)
    last, newest = lines[-1], going[-1] if going else Line()
    done = max(len(epochs), newest.epoch - 1 + newest.fraction if going else 0)
    ended = next((line for line in reversed(lines) if line.event in ("done", "error")), None)
    if ended is not None and ended.event == "done":
        state, summary = "done", f"Trained in {_clock(ended.seconds)}: test perplexity {number(ended.perplexity)}."
    elif ended is not None:
        state, summary = "failed", f"The training ended in epoch {newest.epoch} of {total}: {ended.message}"
    else:
        state = "training"
        summary = f"Training: epoch {max(newest.epoch, 1)} of {total}"
        summary += f", perplexity {number(newest.perplexity)}, {_clock(newest.eta_seconds)} to go." if going else "."
        if time.time() - last.time > _SILENT_SECONDS:
            state, summary = "silent", f"{summary} Its log is silent since {_clock(time.time() - last.time)}."
    series = [
        Series(
            "training", "one", [line.perplexity for line in going], [line.epoch - 1 + line.fraction for line in going]
        ),
        Series("validation", "two", [line.valid_perplexity for line in epochs], [line.epoch for line in epochs]),
    ]
    chart = Chart("Perplexity by epoch (logarithmic)", series, size=(760, 340), logarithmic=True, epochs=max(total, 1))
    return Run(state, summary, min(1.0, done / total) if total else 0.0, epochs, chart)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
