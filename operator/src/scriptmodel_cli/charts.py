"""Draws progress bars and sparklines. Pure."""

from collections.abc import Sequence
from math import log

_LEVELS = "▁▂▃▄▅▆▇█"


def bar(percent: int, width: int) -> str:
    full = width * max(0, min(100, percent)) // 100
    return "█" * full + "░" * (width - full)


def sparkline(values: Sequence[float], width: int) -> str:
    """Draw the values on a logarithmic scale; more than `width` are sampled evenly, up to the last one."""
    if len(values) > width:
        values = [values[(index + 1) * len(values) // width - 1] for index in range(width)]
    heights = [log(value) for value in values if value > 0]
    if not heights:
        return ""
    low, high = min(heights), max(heights)
    return "".join(_LEVELS[round((height - low) / ((high - low) or 1) * (len(_LEVELS) - 1))] for height in heights)
