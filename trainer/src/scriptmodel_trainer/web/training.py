"""A training as its log tells it: the epochs that are done, and the one in progress. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .charts import Chart, Series


class Epoch(NamedTuple):
    """The figures of a finished epoch; NaN if they are not known."""

    epoch: int
    train: float
    valid: float
    sample: str = ""
    """A line that the model wrote after it."""


@dataclass(frozen=True, slots=True)
class Curve:
    epochs: tuple[Epoch, ...] = ()
    running: tuple[tuple[float, float], ...] = ()
    """Epochs done, with a fraction, and the mean training perplexity of the epoch in progress so far.

    Of the first epoch all values; later only the newest, since each mean starts anew.
    """


def curve_of(events: Iterable[Mapping[str, Any]]) -> Curve:
    """Return what the events of a log say of the newest attempt; each begins with `start`."""
    done: dict[int, Epoch] = {}
    running: list[tuple[float, float]] = []
    for event in events:
        if event.get("event") == "start" and not event.get("resumed_from"):
            done, running = {}, []
        elif event.get("event") == "epoch":
            if (epoch := epoch_of(event)).epoch:
                done[epoch.epoch] = epoch
            running = []
        elif event.get("event") == "progress":
            at, share, figure = (number(event.get(key)) for key in ("epoch", "fraction", "perplexity"))
            if math.isfinite(at + figure) and 0 <= share <= 1:
                running = [] if done else running
                running.append((at - 1 + share, figure))
    return Curve(tuple(done.values()), tuple(running))


def epoch_of(found: Mapping[str, Any]) -> Epoch:
    """Return an epoch of a log or of `metrics.json`."""
    at, train, valid = (number(found.get(key)) for key in ("epoch", "train_perplexity", "valid_perplexity"))
    return Epoch(int(at) if math.isfinite(at) else 0, train, valid, str(found.get("sample") or ""))


def chart_of(curve: Curve, marked: int | None = None, epochs: int = 1) -> Chart:
    """Return the curve of a training of so many epochs, the best of which may be marked."""
    means = [*((float(each.epoch), each.train) for each in curve.epochs), *curve.running]
    valid = [(float(each.epoch), each.valid) for each in curve.epochs]
    last = math.ceil(max(1.0, *(at for at, _ in means), 1.0))
    series = [Series("training", "one", means), Series("validation", "two", valid)]
    return Chart("Perplexity by epoch, lower is better (logarithmic)", series, max(last, epochs), marked)


def number(value: object) -> float:
    """Return a number of a log, NaN for anything else."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
    return float(value) if known else math.nan  # type: ignore[arg-type]
