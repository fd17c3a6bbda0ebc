"""Numbers in JSON that the trainer wrote, or whatever image stands in its place. Pure."""

from __future__ import annotations

from typing import Any

_LARGEST = 1e11
"""What is larger is no figure of a training, and would fit neither into a date nor into a field of the status."""


def number(value: Any) -> float | None:
    """A number that can be told of; None for anything else: what is below 0, NaN, infinity."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LARGEST:
        return None
    return float(value)


def whole(value: Any) -> int | None:
    """The same without its fraction."""
    found = number(value)
    return None if found is None else int(found)
