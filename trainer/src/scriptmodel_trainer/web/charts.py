"""Charts: where things stand, in units of the drawing; `chart.svg` draws them in the colours of the page."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
_LARGEST = 1e11  # beyond is no perplexity to draw
_APART = 18  # units between two values at the ends of lines
_MOST_POINTS = 240  # of a line


@dataclass(frozen=True, slots=True)
class Series:
    """A named line of values at places, in epochs; `style` is a CSS class of the page."""

    name: str
    style: str
    values: Sequence[tuple[float, float]]


class Chart:
    """A line for each series on a logarithmic scale, and a dashed one at the epoch `marked`.

    The axis leads from the start of the first epoch to the end of so many. Values that are not finite and positive are
    left out; without any there are no ticks.
    """

    left, right, top, bottom, width, height = 66, 652, 16, 286, 720, 320

    def __init__(self, title: str, series: Sequence[Series], epochs: int, marked: int | None = None) -> None:
        self.title, self.series, self.marked, self._epochs = title, series, marked, epochs
        step = 1 if epochs <= 13 else math.ceil(epochs / 10)
        self.labels = range(1, epochs + 1, step)
        """Epochs that are written at the axis."""
        values = [value for line in series for _, value in self.points(line)]
        self.ticks = _log_ticks(min(values), max(values)) if values else []

    def points(self, line: Series) -> list[tuple[float, float]]:
        """Return the epochs and values of a line that can be drawn, at most some hundreds, the last one among them."""
        return _thinned([(place, value) for place, value in line.values if 0 < value < _LARGEST])

    def x(self, epoch: float) -> float:
        return round(self.left + epoch / self._epochs * (self.right - self.left), 1)

    def y(self, value: float) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        return round(self.bottom - math.log(value / low) / math.log(high / low) * (self.bottom - self.top), 1)

    def ends(self) -> Iterator[tuple[float, float, str, float]]:
        """Yield the place, style and last value of each line from the top, none over another."""
        lasts = [(*points[-1], line.style) for line in self.series if (points := self.points(line))]
        free = 0.0
        for y, x, style, value in sorted((self.y(value), self.x(epoch), style, value) for epoch, value, style in lasts):
            yield x, max(y, free), style, value
            free = max(y, free) + _APART


def _thinned(found: list[T]) -> list[T]:
    """Return at most some hundreds, the last one among them."""
    return found[:: -math.ceil(len(found) / _MOST_POINTS) or 1][::-1]


def shown(value: float) -> str:
    """Return a number as people write it: no powers of ten, three digits or so."""
    if not math.isfinite(value):
        return "–"
    if value == 0 or abs(value) >= 1e6:
        return f"{value:,.3g}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 2 - math.floor(math.log10(abs(value)))
    return f"{value:,.{digits}f}".rstrip("0").rstrip(".")


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, 20 ... from the one below to the one above."""
    steps = [base * 10.0**power for power in range(-6, 12) for base in (1, 2, 5)]
    inside = [step for step in steps if low < step < high]
    below = max((step for step in steps if step <= low), default=steps[0])
    above = min((step for step in steps if step >= high and step > below), default=steps[-1])
    return [below, *[step for step in inside if below < step < above], above]
