"""Computes digests of a user's spec, and fingerprints of pipeline specs as they are sent or observed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, fields
from typing import Any

from scriptmodel_operator.api.marks import plain
from scriptmodel_operator.pachyderm.values import PipelineSpec

_DIGITS = 32
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=plain).encode
_EXCLUDED = ("annotations", "description")
_ORIGINAL = (
    *("ref", "image", "command", "input_name", "input_branch", "glob", "datum_tries", "parallelism", "autoscaling"),
    *("requests", "limits", "node_selector", "tolerations", "priority_class", "pod_patch"),
)
"""Fields that `p1:` has always included, even at their defaults. Nothing may be added here."""
_LATER = {each.name: each.default for each in fields(PipelineSpec) if each.name not in (*_ORIGINAL, *_EXCLUDED)}
"""Later fields, with their defaults. At its default a field is excluded, so that older fingerprints still match."""
if MISSING in _LATER.values():
    raise TypeError("each new field of PipelineSpec needs a default: fingerprints of older operators lack it")


def digest(value: Any) -> str:
    """Return `d1:` and a hash of the canonical JSON. Another form must get another prefix."""
    return f"d1:{_hash(value)}"


def fingerprint(spec: PipelineSpec) -> str:
    """Return `p1:` and a hash of all that affects the pipeline; it is the same for a spec as sent and as observed."""
    content = {name: getattr(spec, name) for name in _ORIGINAL}
    later = {name: value for name, default in _LATER.items() if (value := getattr(spec, name)) != default}
    return f"p1:{_hash({**content, **later})}"


def _hash(value: Any) -> str:
    return hashlib.sha256(_encode(value).encode()).hexdigest()[:_DIGITS]
