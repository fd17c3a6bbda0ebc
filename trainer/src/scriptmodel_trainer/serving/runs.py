"""Reads how far a training is from its log, `train.log.jsonl`, while it is written."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scriptmodel_trainer.artifacts import LOG
from scriptmodel_trainer.errors import TrainerError
from scriptmodel_trainer.reporting.templating import number as shown
from scriptmodel_trainer.storage import parse_json, read_bounded
from scriptmodel_trainer.web.charts import Chart
from scriptmodel_trainer.web.training import Curve, chart_of, curve_of, number

_MOST_BYTES = 4 << 20
_SILENT_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Run:
    """A training; `state` is training, silent (no event for three minutes), failed or done."""

    state: str
    summary: str
    share: float
    curve: Curve
    chart: Chart


def read_run(folder: Path) -> Run | None:
    """Return the newest training of a model directory; None if it has no log that can be read."""
    try:
        content = read_bounded(folder / LOG, _MOST_BYTES)
    except (OSError, TrainerError):
        return None
    events: list[Mapping[str, Any]] = []
    for event in _events(content):
        if event.get("event") == "start" and not event.get("resumed_from"):
            events = []
        events.append(event)
    return _run(events) if events else None


def _events(content: bytes) -> Iterator[Mapping[str, Any]]:
    """Yield the lines that are whole."""
    for text in content.splitlines():
        try:
            found = parse_json(text)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found


def _run(events: Sequence[Mapping[str, Any]]) -> Run:
    curve = curve_of(events)
    newest: Mapping[str, Any] = next((each for each in reversed(events) if each.get("event") == "progress"), {})
    total = int(max(_number(each, "epochs") for each in events)) or len(curve.epochs)
    epoch = max(1, int(_number(newest, "epoch")))
    share = max(len(curve.epochs), epoch - 1 + _number(newest, "fraction")) / total if total else 0.0
    ended: Mapping[str, Any] = next((each for each in reversed(events) if each.get("event") in ("done", "error")), {})
    if ended.get("event") == "done":
        figure = shown(number(ended.get("perplexity")))
        state, summary = "done", f"Trained in {_clock(_number(ended, 'seconds'))}: test perplexity {figure}."
    elif ended:
        state, summary = "failed", f"The training ended in epoch {epoch} of {total}: {ended.get('message', '')}"
    else:
        state, summary = "training", f"Training: epoch {epoch} of {total}"
        figure = shown(number(newest.get("perplexity")))
        summary += f", perplexity {figure}, {_clock(_number(newest, 'eta_seconds'))} to go." if newest else "."
        silent = time.time() - _number(events[-1], "time")
        if silent > _SILENT_SECONDS:
            state, summary = "silent", f"{summary} Its log is silent since {_clock(silent)}."
    return Run(state, summary, min(1.0, share), curve, chart_of([("", curve, total)]))


def _number(event: Mapping[str, Any], key: str) -> float:
    found = number(event.get(key))
    return found if math.isfinite(found) else 0.0


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
