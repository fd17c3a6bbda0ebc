"""Makes text fit: into a Kubernetes object, or into a message. Pure."""

from __future__ import annotations

import re

_SURROGATES = re.compile("[\ud800-\udfff]")


def without_surrogates(text: str) -> str:
    """Replace lone surrogates by U+FFFD: Python keeps undecodable bytes of file names and headers as such."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def short_id(identifier: str) -> str:
    """Return the first eight characters of a job's or a commit's id, which are enough to find it."""
    return identifier[:8]
