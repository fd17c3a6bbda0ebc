"""Parses the trainer's log: a line that is a JSON object with the key `event` is an event. Pure."""

from __future__ import annotations

import json
from typing import Any

_LONGEST_EVENT = 64 * 1024


def parse_event(text: str) -> dict[str, Any] | None:
    """Return the event of a line; None for any other line."""
    if not text.startswith("{") or len(text) > _LONGEST_EVENT:
        return None
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and "event" in event else None
