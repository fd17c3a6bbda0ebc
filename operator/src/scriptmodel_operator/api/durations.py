"""Durations and quantities as Kubernetes writes them."""

from __future__ import annotations

import re
from datetime import timedelta

DURATION_PATTERN = r"^([0-9]{1,5}d)?([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$"
QUANTITY_PATTERN = r"^[0-9]+(\.[0-9]{1,3})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"
DECIMAL_PATTERN = r"^[0-9]{1,4}(\.[0-9]{1,6})?$"

_DURATION = re.compile(DURATION_PATTERN)
_UNIT_SECONDS = (86_400, 3_600, 60, 1)
_CPU_MILLI = "m"


def parse_duration(text: str) -> timedelta:
    """`1h30m` as a timedelta; ValueError for anything else."""
    match = _DURATION.match(text)
    if not text or match is None:
        raise ValueError(f"{text!r} is not a duration such as 90s, 30m, 6h or 1h30m")
    parts = zip(match.groups(), _UNIT_SECONDS, strict=True)
    return timedelta(seconds=sum(int(part[:-1]) * unit for part, unit in parts if part))


def parse_cpu(text: str) -> float:
    """A CPU quantity in cores: `500m` is 0.5."""
    if text.endswith(_CPU_MILLI):
        return int(text[:-1]) / 1000
    return float(text)
