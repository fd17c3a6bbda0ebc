"""Characters that a terminal or a reader's eye would obey, kept out of all that is written."""

import json
import re
from typing import Any

# Control characters but tab, LF, FF and CR, changes of the writing direction, and what is no character of XML.
_CONTROLS = re.compile("[\0-\x08\x0b\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
_UNSHOWN = re.compile(f"{_CONTROLS.pattern}|[\ud800-\udfff]")  # or bytes of a file's name that are no UTF-8


def without_controls(text: str) -> str:
    """Put spaces for control characters, as splitting into words does."""
    return text if text.isprintable() else _CONTROLS.sub(" ", text)


def escaped(text: str) -> str:
    """Show control characters as Python writes them: `\\x1b`."""
    return _UNSHOWN.sub(lambda match: ascii(match[0])[1:-1], text)


def json_text(value: Any, indent: int | None = None) -> str:
    """Return a value as JSON whose strings hold control characters as escapes alone; JSON itself escapes only some."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _UNSHOWN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
