"""Line charts as inline SVG, drawn in colours that the page defines, so that they follow its dark and light themes."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_LARGEST = 1e11  # beyond is no perplexity to draw
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 68, 16, 34
_APART = 18  # units between two values at the ends of lines


@dataclass(frozen=True, slots=True)
class Series:
    """A named line: y values for x = 1, 2, ...; `style` is a CSS class of the page."""

    name: str
    style: str
    values: Sequence[float]


def line_chart(
    title: str,
    series: Sequence[Series],
    *,
    size: tuple[int, int] = (560, 260),
    logarithmic: bool = False,
    marked: Sequence[int] = (),
) -> str:
    """Return an SVG element with axes, and per series a line, dots with tooltips, and the last value.

    `size` is in units of the drawing, which the page scales. Values must be finite and, for a logarithmic axis,
    positive; others are left out. A dashed line marks each of the epochs `marked` (from 1).
    """
    width, height = size
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
        return height - _BOTTOM - share * (height - _TOP - _BOTTOM)

    parts = [f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(title)}">']
    for tick in ticks:
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{width - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(
            f'<text class="tick" x="{_LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{_shown(tick)}</text>'
        )
    parts.append(f'<text class="tick" x="{_LEFT - 8}" y="{height - 12}" text-anchor="end">epoch</text>')
    for index in _shown_epochs(count):
        parts.append(f'<text class="tick" x="{x(index):.1f}" y="{height - 12}" text-anchor="middle">{index + 1}</text>')
    parts += [_mark(x(epoch - 1), height - _BOTTOM, f"best epoch: {epoch}") for epoch in marked]
    ends: list[tuple[float, float, str, str]] = []
    for line in clean:
        points = [(x(index), y(value)) for index, value in enumerate(line.values) if not math.isnan(value)]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        parts.append(f'<polyline class="line {line.style}" points="{path}"/>')
        for index, value in enumerate(line.values):
            if not math.isnan(value):
                tip = f"{html.escape(line.name)}, epoch {index + 1}: {_shown(value)}"
                parts.append(
                    f'<circle class="dot {line.style}" cx="{x(index):.1f}" cy="{y(value):.1f}" r="4">'
                    f"<title>{tip}</title></circle>"
                )
        if points:
            last = next(value for value in reversed(line.values) if not math.isnan(value))
            ends.append((points[-1][1], points[-1][0], line.style, _shown(last)))
    parts += _values(ends)
    parts.append("</svg>")
    return "".join(parts)


def _mark(x: float, bottom: float, title: str) -> str:
    """Return a vertical line over the whole chart."""
    ends = f'x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}"'
    return f'<line class="best" {ends}><title>{html.escape(title)}</title></line>'


def _values(ends: Sequence[tuple[float, float, str, str]]) -> Iterator[str]:
    """The last value of each line to the right of its dot, from the top, none over another."""
    free = 0.0
    for py, px, style, text in sorted(ends):
        at = max(py + 4, free)
        free = at + _APART
        yield f'<text class="value {style}" x="{px + 9:.1f}" y="{at:.1f}">{text}</text>'


def _shown(value: float) -> str:
    """Return a number as people write it: no powers of ten, three digits or so."""
    if value == 0 or abs(value) >= 1e6:
        return f"{value:,.3g}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 2 - math.floor(math.log10(abs(value)))
    return f"{value:,.{digits}f}".rstrip("0").rstrip(".")


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
    if high < 1e-9:  # ticks have twelve decimals
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
