"""Reads how far a training is from its log, `train.log.jsonl`, while it is written."""

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from scriptmodel_trainer.artifacts.model_directory import LOG
from scriptmodel_trainer.errors import TrainerError
from scriptmodel_trainer.reporting.templating import number as shown
from scriptmodel_trainer.storage.files import parse_json, read_bounded
from scriptmodel_trainer.web.training import Curve, curve_of, number

_MOST_BYTES = 4 << 20
_SILENT_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class WatchedTraining:
    """A training; `state` is training, silent (no event for three minutes), failed or done."""

    state: str
    summary: str
    percent: int
    curve: Curve
    epochs: int


def read_run(folder: Path) -> WatchedTraining | None:
    """Return the newest training of a model directory; None if it has no log that can be read."""
    try:
        content = read_bounded(folder / LOG, _MOST_BYTES)
    except (OSError, TrainerError):
        return None
    events = []
    for line in content.splitlines():
        with suppress(ValueError):  # such as a line that is not whole
            if isinstance(event := parse_json(line), dict):
                events.append(event)
    return _run(events) if events else None


def _run(events: Sequence[Mapping[str, Any]]) -> WatchedTraining:
    start = max((at for at, event in enumerate(events) if event.get("event") == "start"), default=0)
    newest = {event.get("event"): event for event in events[start:]}
    running, done, failed = (newest.get(kind, {}) for kind in ("progress", "done", "error"))
    curve, silent = curve_of(events), time.time() - _number(events[-1], "time")
    total = int(max(_number(each, "epochs") for each in newest.values())) or len(curve.epochs)
    epoch = max(1, len(curve.epochs), int(_number(running, "epoch")))
    share = max(len(curve.epochs), epoch - 1 + _number(running, "fraction")) / max(1, total)
    perplexity = shown(number((done or running).get("perplexity")))
    state, summary = "training", f"Training: epoch {epoch} of {total}"
    if running:
        summary += f", perplexity {perplexity}, {_clock(running, 'eta_seconds')} to go"
    if done:
        state, summary = "done", f"Trained in {_clock(done, 'seconds')}: test perplexity {perplexity}"
    elif failed:
        state, summary = "failed", f"The training ended in epoch {epoch} of {total}: {failed.get('message')}"
    elif silent > _SILENT_SECONDS:
        state, summary = "silent", f"{summary}. Its log is silent for {timedelta(seconds=round(silent))}"
    return WatchedTraining(state, f"{summary}.", round(100 * min(1.0, share)), curve, total)


def _number(event: Mapping[str, Any], key: str) -> float:
    found = number(event.get(key))
    return found if math.isfinite(found) else 0.0


def _clock(event: Mapping[str, Any], key: str) -> str:
    return str(timedelta(seconds=round(max(0.0, _number(event, key)))))
