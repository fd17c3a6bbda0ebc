"""Parses durations and quantities in Kubernetes' notation, and formats durations."""

import re
from datetime import timedelta

DURATION_PATTERN = r"^([0-9]{1,5}d)?([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$"
CPU_PATTERN = r"^([0-9]{1,6}(\.[0-9]{1,3})?|[0-9]{1,9}m)$"
MEMORY_PATTERN = r"^[0-9]{1,15}(\.[0-9]{1,3})?(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"
DECIMAL_PATTERN = r"^[0-9]{1,7}(\.[0-9]{1,6})?([eE][+-]?0?[0-9])?$"

_MAX_EXPONENT = 16
_DURATION = re.compile(DURATION_PATTERN)
_UNIT_SECONDS = (86_400, 3_600, 60, 1)
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|[kMGTP]|[KMGTP]i)?")
_UNITS = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15} | {
    f"{letter}i": float(1024**power) for power, letter in enumerate("KMGTP", start=1)
}


def parse_duration(text: str) -> timedelta:
    """Parse a duration such as `1h30m`. Raises ValueError."""
    match = _DURATION.match(text)
    if not text or match is None:
        raise ValueError(f"{text!r} is not a duration such as 90s, 30m, 6h or 1h30m")
    parts = zip(match.groups(), _UNIT_SECONDS, strict=True)
    return timedelta(seconds=sum(int(part[:-1]) * unit for part, unit in parts if part))


def format_duration(seconds: float) -> str:
    """Format a duration, such as 45s, 3m20s or 2h5m."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60}s"
    return f"{whole // 3600}h{whole % 3600 // 60}m"


def parse_quantity(text: str) -> float:
    """Parse a quantity of CPU or memory: `500m` is 0.5, `2Ki` is 2048. Raises ValueError."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a quantity such as 2, 500m or 4Gi")
    return float(match[1]) * _UNITS[match[2] or ""]


def backoff(failures: int, first: float, longest: float, draw: float) -> float:
    """Return seconds that double with each failure from `first` to `longest`, less up to half of them by `draw` in
    [0, 1), which a caller draws at random."""
    seconds = min(longest, first * 2 ** min(failures - 1, _MAX_EXPONENT))
    return float(seconds * (1 - draw / 2))
