"""Compares the files of a source with those of a repo. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.failures import SourceError


@dataclass(frozen=True, slots=True)
class Source:
    """Files by path; small, because a ConfigMap has at most 1 MiB."""

    files: Mapping[str, bytes]

    @property
    def digests(self) -> dict[str, str]:
        return {path: sha256(content) for path, content in self.files.items()}

    @property
    def size_bytes(self) -> int:
        return sum(map(len, self.files.values()))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def from_config_map(raw: Mapping[str, Any]) -> Source:
    """Return one file per key; keys of a ConfigMap are letters, digits, `-`, `_` and `.`, so they are valid paths."""
    files = {f"/{key}": str(text).encode() for key, text in (raw.get("data") or {}).items()}
    for key, encoded in (raw.get("binaryData") or {}).items():
        try:
            files[f"/{key}"] = base64.b64decode("".join(encoded.split()), validate=True)  # a manifest may break lines
        except binascii.Error as error:
            raise SourceError(Reason.INVALID_SPEC, f"binaryData.{key} is not base64: {error}") from error
    return Source(files)
