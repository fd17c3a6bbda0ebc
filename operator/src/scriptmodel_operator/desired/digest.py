"""Digests of what a user's spec asks for, in a versioned form, and fingerprints of what was sent."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from typing import Any

from scriptmodel_operator.api.marks import plain
from scriptmodel_operator.pachyderm.values import PipelineSpec

_DIGITS = 32
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=plain).encode
_FINGERPRINTED = [each.name for each in fields(PipelineSpec) if each.name not in ("annotations", "description")]


def digest(value: Any) -> str:
    """`d1:` and a hash of the canonical JSON. Another way of making it must get another prefix."""
    return f"d1:{_hash(value)}"


def fingerprint(spec: PipelineSpec) -> str:
    """`p1:` and a hash of all that makes the pipeline do what it does; equal for what was sent and what is observed."""
    return f"p1:{_hash({name: getattr(spec, name) for name in _FINGERPRINTED})}"


def _hash(value: Any) -> str:
    return hashlib.sha256(_encode(value).encode()).hexdigest()[:_DIGITS]
