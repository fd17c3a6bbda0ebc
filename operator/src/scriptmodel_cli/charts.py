"""Draws progress bars and sparklines in the characters that a stream can encode. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import TextIO


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters of charts; `levels` from low to high."""

    full: str
    empty: str
    levels: str
    arrow: str


UNICODE = Glyphs("█", "░", "▁▂▃▄▅▆▇█", "→")
ASCII = Glyphs("#", "-", "_.-=*#", "->")


def glyphs_for(stream: TextIO) -> Glyphs:
    """Return UNICODE if the stream's encoding has its characters, else ASCII."""
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
    """Draw one character per value, at most `width`; longer series are sampled evenly and keep the last value.

    Heights are logarithmic, because perplexity falls by factors.
    """
    if len(values) > width:
        values = [values[(index + 1) * len(values) // width - 1] for index in range(width)]
    heights = [log(value) for value in values if value > 0]
    if not heights:
        return ""
    low, high = min(heights), max(heights)
    top = len(glyphs.levels) - 1
    return "".join(glyphs.levels[round((height - low) / ((high - low) or 1) * top)] for height in heights)
