"""Encodes request bodies as JSON that a YAML parser reads as the same text. Pure.

The API server parses a server-side apply as YAML, which has no escaped surrogate pairs, refuses most control characters
and U+FEFF, and folds U+0085, U+2028 and U+2029. So these are escaped, and characters beyond U+FFFF are not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from scriptmodel_operator.api.text import without_surrogates

Body = Mapping[str, Any] | Sequence[Mapping[str, Any]]
_UNSAFE_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def encoded(body: Body) -> bytes:
    """Return `body` as UTF-8. A lone surrogate becomes U+FFFD."""
    text = without_surrogates(_encode(body))
    return _UNSAFE_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()
