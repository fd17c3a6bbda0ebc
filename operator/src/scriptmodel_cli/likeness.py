"""Detects a configuration file or a README among scripts by the shapes of their lines. Pure."""

from __future__ import annotations

import re

LEAST_SHARE = 0.05
"""Share of speech lines below which a text does not look like a script."""
_LONGEST = 200
_LINES = 2000
_IN_NAME = r"(?:[^\W\d_a-z]|[ .'’_-])"
_CUE = re.compile(rf"[ \t_*#=>@\[(]*[^\W\d_a-z]{_IN_NAME}{{1,38}}(?:\([^)]{{1,40}}\))?[ \]\[)_*=.:^]*")
"""A name in capitals alone on its line."""
_SPEECH = re.compile(
    rf"[ \t_*]*(?:\[ \S{{1,60}} \]:|[^\W\d_a-z]{{2}}{_IN_NAME}{{0,37}}[.:]|<[A-Za-z ]{{2,40}}>)[_* \t]*\S.*"
)
"""A name in capitals, in brackets or in angles before its words."""
_MIXED = re.compile(r"[ \t_*]*[A-Z][A-Za-z'’ -]{1,30}(?:[.:][_*]*[ \t]+|[ \t]*\([^)]{1,40}\)[ \t]*:)[A-Z“\"'(\[].*")
"""A name such as `Hamlet:` or `Ham.` before its words."""


def share_of_script(text: str) -> float:
    """Return the share of nonblank lines that begin a speech, from 0 to 1; 1 for a text without lines."""
    lines = [line[:_LONGEST].rstrip() for line in text.splitlines()[:_LINES] if line.strip()]
    if not lines:
        return 1.0
    return sum(any(shape.fullmatch(line) for shape in (_CUE, _SPEECH, _MIXED)) for line in lines) / len(lines)
