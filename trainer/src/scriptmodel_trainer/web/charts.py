"""Charts: where things stand, in units of the drawing; `chart.svg` draws them in the colours of the page."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
_LARGEST = 1e11  # beyond is no perplexity to draw
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 68, 16, 34
_APART = 18  # units between two values at the ends of lines
_MOST_POINTS = 240  # of a line
_SPARK = (126, 28)  # units of a sparkline, besides its margin


@dataclass(frozen=True, slots=True)
class Series:
    """A named line: y values for epochs 1, 2, ..., or at `places`; `style` is a CSS class of the page."""

    name: str
    style: str
    values: Sequence[float]
    places: Sequence[float] = ()
    dots: bool = True


class Chart:
    """A line for each series over epochs, and a dashed one at the epoch `marked`; without values there are no ticks.

    With `epochs` the axis leads from the start of the first to the end of so many, else from one epoch to the last.
    Values must be finite and, for a logarithmic axis, positive; others are left out.
    """

    left, top = _LEFT, _TOP

    def __init__(
        self,
        title: str,
        series: Sequence[Series],
        *,
        size: tuple[int, int] = (560, 260),
        logarithmic: bool = False,
        marked: int | None = None,
        epochs: int | None = None,
    ) -> None:
        self.title, self.series, self.marked = title, series, marked
        self.width, self.height = size
        self.right, self.bottom = self.width - _RIGHT, self.height - _BOTTOM
        self._logarithmic = logarithmic
        self._epochs = epochs or max(len(line.values) for line in series)
        self._first, self._last = 0.0 if epochs else 1.0, float(self._epochs)
        step = 1 if self._epochs <= 13 else math.ceil(self._epochs / 10)
        self.labels: list[tuple[float, str]] = [(epoch, str(epoch)) for epoch in range(1, self._epochs + 1, step)]
        """Places and texts that are written at the axis."""
        values = [value for line in series for _, value in self.points(line)]
        self.ticks: list[float] = []
        if values:
            self.ticks = _log_ticks(min(values), max(values)) if logarithmic else _linear_ticks(max(values))

    @property
    def keys(self) -> Sequence[Series]:
        """What the colours stand for; nothing with one line."""
        return [line for line in self.series if self.points(line)] if len(self.series) > 1 else []

    def points(self, line: Series) -> list[tuple[float, float]]:
        """Return the epochs and values of a line that can be drawn, at most some hundreds, the last one among them."""
        numbered = zip(line.places or range(1, len(line.values) + 1), line.values, strict=True)
        found = [(n, value) for n, value in numbered if abs(value) < _LARGEST and (value > 0 or not self._logarithmic)]
        return _thinned(found)

    def x(self, epoch: float) -> float:
        share = 0.5 if self._last == self._first else (epoch - self._first) / (self._last - self._first)
        return round(_LEFT + share * (self.right - _LEFT), 1)

    def y(self, value: float) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        share = math.log(value / low) / math.log(high / low) if self._logarithmic else (value - low) / (high - low)
        return round(self.bottom - share * (self.bottom - _TOP), 1)

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


def spark(values: Sequence[float]) -> str:
    """Return the points of a sparkline on a logarithmic scale; empty for fewer than two values."""
    heights = _thinned([math.log(value) for value in values if 0 < value < _LARGEST])
    if len(heights) < 2:
        return ""
    low, span = min(heights), (max(heights) - min(heights)) or 1.0
    step, tall = _SPARK[0] / (len(heights) - 1), _SPARK[1]
    return " ".join(f"{3 + n * step:.1f},{3 + tall - (h - low) / span * tall:.1f}" for n, h in enumerate(heights))


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


def _linear_ticks(high: float) -> list[float]:
    if high < 1e-9:  # ticks have twelve decimals
        return [0.0, 1.0]
    rough = high / 4
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * scale for factor in (1, 2, 2.5, 5, 10) if factor * scale >= rough)
    return [round(step * number, 12) for number in range(math.ceil(high / step - 1e-9) + 1)]
