"""The files of a corpus in a ConfigMap. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.failures import SourceError

Files = Mapping[str, bytes]
"""Contents by path; small, because a ConfigMap has at most 1 MiB."""


def digests_of(files: Files) -> dict[str, str]:
    """Return the sha256 of each file by path."""
    return {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}


def from_config_map(raw: Mapping[str, Any]) -> Files:
    """Return one file per key; keys of a ConfigMap are letters, digits, `-`, `_` and `.`, so they are valid paths."""
    files = {f"/{key}": str(text).encode() for key, text in (raw.get("data") or {}).items()}
    for key, encoded in (raw.get("binaryData") or {}).items():
        try:
            files[f"/{key}"] = base64.b64decode("".join(encoded.split()), validate=True)  # a manifest may break lines
        except binascii.Error as error:
            raise SourceError(Reason.INVALID_SPEC, f"binaryData.{key} is not base64: {error}") from error
    return files
