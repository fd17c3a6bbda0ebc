"""Reads numbers from JSON that a trainer, or any other image, wrote. Pure."""

from __future__ import annotations

from typing import Any

_LARGEST = 1e11
"""Larger numbers are no valid figures, and would fit neither into a date nor into a field of the status."""


def number(value: Any) -> float | None:
    """Return the number, or None if it cannot be reported: negative, too large, NaN, infinite, or no number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LARGEST:
        return None
    return float(value)


def whole(value: Any) -> int | None:
    """Return the number without its fraction, or None if it cannot be reported."""
    found = number(value)
    return None if found is None else int(found)
