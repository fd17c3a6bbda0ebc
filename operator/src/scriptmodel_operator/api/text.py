"""Makes text from outside fit into a Kubernetes object. Pure."""

from __future__ import annotations

import re

_SURROGATES = re.compile("[\ud800-\udfff]")


def without_surrogates(text: str) -> str:
    """Replace lone surrogates by U+FFFD: Python keeps undecodable bytes of file names and headers as such."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)
