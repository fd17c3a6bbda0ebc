"""Makes text fit: into a Kubernetes object, into a message, or on a terminal. Pure."""

import re

_SURROGATES = re.compile("[\ud800-\udfff]")
ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|[]PX^_][^\x07\x1b]*(\x07|\x1b\\)|[@-_])")
CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but for tab and line feed, DEL, C1
    "\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"  # order of writing, separators of lines
    "\ud800-\udfff]"  # surrogates, which no encoding takes
)
"""What a terminal may obey instead of showing it."""


def without_surrogates(text: str) -> str:
    """Replace lone surrogates by U+FFFD: Python keeps undecodable bytes of file names and headers as such."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def short_id(identifier: str) -> str:
    """Return the first eight characters of a job's or a commit's id, which are enough to find it."""
    return identifier[:8]


def without_controls(text: str) -> str:
    """Remove escape sequences and control characters other than tab and line feed; replace lone surrogates."""
    return text if text.isprintable() else CONTROLS.sub("", ESCAPES.sub("", without_surrogates(text)))
