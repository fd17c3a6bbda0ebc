"""Line charts as inline SVG, drawn in colours that the page defines, so that they follow its dark and light dress."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

_HEIGHT = 260  # units of the drawing; the page scales it
_LARGEST = 1e11  # beyond is no perplexity to draw
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 16, 34


@dataclass(frozen=True, slots=True)
class Series:
    """A named line: y values for x = 1, 2, ...; `style` is a CSS class of the page."""

    name: str
    style: str
    values: Sequence[float]


def line_chart(title: str, series: Sequence[Series], *, width: int = 560, logarithmic: bool = False) -> str:
    """An SVG element with axes, a line and dots a series, and a tooltip on each dot. Values must be finite and,
    for a logarithmic axis, positive; others are left out.
    """
    clean = [
        Series(line.name, line.style, [value if _drawable(value, logarithmic) else math.nan for value in line.values])
        for line in series
    ]
    values = [value for line in clean for value in line.values if not math.isnan(value)]
    if not values:
        return ""
    ticks = _log_ticks(min(values), max(values)) if logarithmic else _linear_ticks(max(values))
    low, high = ticks[0], ticks[-1]
    count = max(len(line.values) for line in clean)

    def x(index: int) -> float:
        share = 0.5 if count == 1 else index / (count - 1)
        return _LEFT + share * (width - _LEFT - _RIGHT)

    def y(value: float) -> float:
        share = math.log(value / low) / math.log(high / low) if logarithmic else (value - low) / (high - low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    parts = [f'<svg viewBox="0 0 {width} {_HEIGHT}" role="img" aria-label="{html.escape(title)}">']
    for tick in ticks:
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{width - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:,g}</text>')
    for index in _shown_epochs(count):
        parts.append(
            f'<text class="tick" x="{x(index):.1f}" y="{_HEIGHT - 14}" text-anchor="middle">{index + 1}</text>'
        )
    for line in clean:
        points = [(x(index), y(value)) for index, value in enumerate(line.values) if not math.isnan(value)]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        parts.append(f'<polyline class="line {line.style}" points="{path}"/>')
        for index, value in enumerate(line.values):
            if not math.isnan(value):
                tip = f"{html.escape(line.name)}, epoch {index + 1}: {value:,.4g}"
                parts.append(
                    f'<circle class="dot {line.style}" cx="{x(index):.1f}" cy="{y(value):.1f}" r="4">'
                    f"<title>{tip}</title></circle>"
                )
    parts.append("</svg>")
    return "".join(parts)


def _drawable(value: float, logarithmic: bool) -> bool:
    return abs(value) < _LARGEST and (value > 0 or not logarithmic)


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, 20 ... from the one below to the one above."""
    steps = [base * 10.0**power for power in range(-6, 12) for base in (1, 2, 5)]
    inside = [step for step in steps if low < step < high]
    below = max((step for step in steps if step <= low), default=steps[0])
    above = min((step for step in steps if step >= high and step > below), default=steps[-1])
    return [below, *[step for step in inside if below < step < above], above]


def _linear_ticks(high: float) -> list[float]:
    if high <= 0:
        return [0.0, 1.0]
    rough = high / 4
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * scale for factor in (1, 2, 2.5, 5, 10) if factor * scale >= rough)
    return [round(step * number, 12) for number in range(math.ceil(high / step - 1e-9) + 1)]


def _shown_epochs(count: int) -> list[int]:
    if count <= 13:
        return list(range(count))
    every = math.ceil(count / 10)
    return list(range(0, count, every))
