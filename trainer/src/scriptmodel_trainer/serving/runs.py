"""Reads how far a training is from its log, `train.log.jsonl`, while it is written."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
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
    percent: float
    curve: Curve
    chart: Chart


def read_run(folder: Path) -> Run | None:
    """Return the newest training of a model directory; None if it has no log that can be read."""
    try:
        content = read_bounded(folder / LOG, _MOST_BYTES)
    except (OSError, TrainerError):
        return None
    events: list[Mapping[str, Any]] = []
    for line in content.splitlines():
        with suppress(ValueError):  # such as a line that is not whole
            event = parse_json(line)
            if not isinstance(event, dict):
                continue
            if event.get("event") == "start":  # a training that is resumed has not failed
                events = [each for each in events if event.get("resumed_from") and each.get("event") != "error"]
            events.append(event)
    return _run(events) if events else None


def _run(events: Sequence[Mapping[str, Any]]) -> Run:
    newest: Mapping[Any, Mapping[str, Any]] = {each.get("event"): each for each in events}
    running, done, failed = (newest.get(kind, {}) for kind in ("progress", "done", "error"))
    curve, total = curve_of(events), int(max(_number(each, "epochs") for each in events))
    total, epoch = total or len(curve.epochs), max(1, int(_number(running, "epoch")))
    share = max(len(curve.epochs), epoch - 1 + _number(running, "fraction")) / total if total else 0.0
    silent = time.time() - _number(events[-1], "time")
    if done:
        state, figure = "done", shown(number(done.get("perplexity")))
        summary = f"Trained in {_clock(_number(done, 'seconds'))}: test perplexity {figure}."
    elif failed:
        state, summary = "failed", f"The training ended in epoch {epoch} of {total}: {failed.get('message', '')}"
    else:
        state, summary = "training", f"Training: epoch {epoch} of {total}"
        figure = shown(number(running.get("perplexity")))
        summary += f", perplexity {figure}, {_clock(_number(running, 'eta_seconds'))} to go." if running else "."
        if silent > _SILENT_SECONDS:
            state, summary = "silent", f"{summary} Its log is silent since {_clock(silent)}."
    return Run(state, summary, round(100 * min(1.0, share)), curve, chart_of([("", curve, total)]))


def _number(event: Mapping[str, Any], key: str) -> float:
    found = number(event.get(key))
    return found if math.isfinite(found) else 0.0


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
