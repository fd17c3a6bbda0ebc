"""Line charts of perplexity on a logarithmic axis: places of points and ticks, which templates draw as SVG. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 58, WIDTH - 62, 14, HEIGHT - 34
SPARK_WIDTH, SPARK_HEIGHT = 132, 34
_LARGEST = 1e9
_MOST_POINTS = 240
_LABELS = 10
_APART = 19.0
"""Least distance of the values that stand at the ends of lines."""

Point = tuple[float, float]
"""Epochs done, and a perplexity."""


@dataclass(frozen=True)
class Series:
    """A named line; `style` is a CSS class."""

    name: str
    style: str
    points: Sequence[Point]
    dots: bool = False


class Chart:
    """The lines of a chart over epochs 0 to `epochs`, in units of the drawing."""

    width, height, left, right, top, bottom = WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM

    def __init__(self, title: str, series: Sequence[Series], epochs: int = 0) -> None:
        """Leave out what no logarithmic axis shows."""
        self.title = title
        self.series = [Series(each.name, each.style, drawable(each.points), each.dots) for each in series]
        points = [point for each in self.series for point in each.points]
        self.epochs = max([epochs, 1, *(math.ceil(at) for at, _value in points)])
        self.ticks = _ticks([value for _at, value in points]) if points else []

    @property
    def labels(self) -> range:
        """Epochs that are written at the axis."""
        return range(0, self.epochs + 1, math.ceil(self.epochs / _LABELS))

    def x(self, epoch: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * epoch / self.epochs, 1)

    def y(self, value: float) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        return round(BOTTOM - (BOTTOM - TOP) * math.log(value / low) / math.log(high / low), 1)

    def path(self, line: Series) -> str:
        """Return the points of a polyline."""
        return " ".join(f"{self.x(at)},{self.y(value)}" for at, value in line.points)

    def ends(self) -> Iterator[tuple[float, float, str, float]]:
        """Yield place, style and last value of each line from the top, none over another."""
        lasts = [(self.y(line.points[-1][1]), line) for line in self.series if line.points]
        free = 0.0
        for y, line in sorted(lasts, key=lambda each: each[0]):
            at, value = line.points[-1]
            yield self.x(at), max(y, free), line.style, value
            free = max(y, free) + _APART


def drawable(points: Sequence[Point]) -> list[Point]:
    """Return the points that can be drawn, at most some hundreds, the last one among them."""
    found = [(at, value) for at, value in points if math.isfinite(value) and 0 < value < _LARGEST and 0 <= at < 1e6]
    step = math.ceil(len(found) / _MOST_POINTS) or 1
    return found[::-1][::step][::-1]


def spark(values: Sequence[float]) -> str:
    """Return the points of a sparkline; empty for fewer than two values."""
    heights = [math.log(value) for _at, value in drawable(list(enumerate(values)))]
    if len(heights) < 2:
        return ""
    low, span = min(heights), (max(heights) - min(heights)) or 1.0
    step, tall = (SPARK_WIDTH - 6) / (len(heights) - 1), SPARK_HEIGHT - 6
    return " ".join(f"{3 + n * step:.1f},{3 + tall - (h - low) / span * tall:.1f}" for n, h in enumerate(heights))


def _ticks(values: Sequence[float]) -> list[float]:
    """Return 1, 2, 5, 10, 20 ... from the one below the values to the one above."""
    low, high = min(values), max(values)
    steps = [base * 10.0**power for power in range(-6, 10) for base in (1, 2, 5)]
    below = max((step for step in steps if step <= low), default=steps[0])
    above = min((step for step in steps if step >= high and step > below), default=steps[-1])
    return [step for step in steps if below <= step <= above]


def shown(value: float) -> str:
    """Format a figure with about three digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"
