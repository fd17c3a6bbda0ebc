"""Reads what a trainer, or any other image, wrote into its log or its files. Nothing in it is trusted. Pure."""

import json
from typing import Annotated, Any

from pydantic import BeforeValidator

from scriptmodel_operator.api.safe_text import CONTROLS, ESCAPES
from scriptmodel_operator.api.status import DeviceStatus

_LONGEST_EVENT = 64 * 1024
_LARGEST = 1e11
"""Larger numbers are no valid figures, and would fit neither into a date nor into a field of the status."""


def parse_event(text: str) -> dict[str, Any] | None:
    """Return the event of a line of the trainer's log, a JSON object with the key `event`; None for any other line."""
    if not text.startswith("{") or len(text) > _LONGEST_EVENT:
        return None
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and "event" in event else None


def number(value: Any) -> float | None:
    """Return the number, or None if it cannot be reported: negative, too large, NaN, infinite, or no number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LARGEST:
        return None
    return float(value)


def whole(value: Any) -> int | None:
    """Return the number without its fraction, or None if it cannot be reported."""
    found = number(value)
    return None if found is None else int(found)


Figure = Annotated[float | None, BeforeValidator(number)]
Count = Annotated[int | None, BeforeValidator(whole)]


def readable(text: str) -> str:
    """Return the text as a terminal would show it in the end, without escapes and control characters."""
    return CONTROLS.sub("", ESCAPES.sub("", text).rstrip("\r\n").rpartition("\r")[2])


def short_text(value: object, limit: int) -> str:
    """Return one line of at most `limit` characters; empty for anything but text."""
    return " ".join(readable(value[: 2 * limit]).split())[:limit] if isinstance(value, str) else ""


def device_status(kind: str, name: str, memory_bytes: object, precision: str = "") -> DeviceStatus:
    """Return a device as the status has it; another image than the trainer's may write anything as its kind."""
    memory = whole(memory_bytes)
    shown = f"{round(memory / 2**30)}Gi" if memory else None
    return DeviceStatus(kind=kind or None, name=name or None, memory=shown, precision=precision or None)
