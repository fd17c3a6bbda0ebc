"""A progress bar and a sparkline, in the characters that a stream can show. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import TextIO


@dataclass(frozen=True, slots=True)
class Glyphs:
    """`levels` from low to high."""

    full: str
    empty: str
    levels: str
    arrow: str


UNICODE = Glyphs("█", "░", "▁▂▃▄▅▆▇█", "→")
ASCII = Glyphs("#", "-", "_.-=*#", "->")


def glyphs_for(stream: TextIO) -> Glyphs:
    """UNICODE where the stream's encoding has it."""
    try:
        (UNICODE.full + UNICODE.empty + UNICODE.levels + UNICODE.arrow).encode(
            getattr(stream, "encoding", "") or "ascii"
        )
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def bar(percent: int, width: int, glyphs: Glyphs = UNICODE) -> str:
    full = width * max(0, min(100, percent)) // 100
    return glyphs.full * full + glyphs.empty * (width - full)


def sparkline(values: Sequence[float], width: int, glyphs: Glyphs = UNICODE) -> str:
    """One character a value, at most `width`: of more values, the last of each equal share is shown.

    Heights follow the logarithm, because perplexity falls by factors: else all after the first epoch is flat.
    """
    if len(values) > width:
        values = [values[(index + 1) * len(values) // width - 1] for index in range(width)]
    heights = [log(value) for value in values if value > 0]
    if not heights:
        return ""
    low, high = min(heights), max(heights)
    top = len(glyphs.levels) - 1
    return "".join(glyphs.levels[round((height - low) / ((high - low) or 1) * top)] for height in heights)
