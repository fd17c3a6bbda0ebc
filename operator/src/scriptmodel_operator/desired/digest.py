"""Digests of what a user's spec asks for, in a versioned form, and fingerprints of what was sent."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from scriptmodel_operator.pachyderm.values import PipelineSpec

_DIGITS = 32
_NOT_PART_OF_A_FINGERPRINT = ("annotations", "description")


def digest(value: Any) -> str:
    """`d1:` and a hash of the canonical JSON. Another way of making it must get another prefix."""
    return f"d1:{_hash(value)}"


def fingerprint(spec: PipelineSpec) -> str:
    """`p1:` and a hash of all that makes the pipeline do what it does; equal for what was sent and what is observed."""
    fields = {key: value for key, value in asdict(spec).items() if key not in _NOT_PART_OF_A_FINGERPRINT}
    return f"p1:{_hash(fields)}"


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
