"""Digests of what a user's spec asks for, in a versioned form, and fingerprints of what was sent."""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, fields
from typing import Any

from scriptmodel_operator.api.marks import plain
from scriptmodel_operator.pachyderm.values import PipelineSpec

_DIGITS = 32
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=plain).encode
_LEFT_OUT = ("annotations", "description")
_ALWAYS = (
    *("ref", "image", "command", "input_name", "input_branch", "glob", "datum_tries", "parallelism", "autoscaling"),
    *("requests", "limits", "node_selector", "tolerations", "priority_class", "pod_patch"),
)
"""Fields of the first form of `p1:`, which has them at their defaults, too. Nothing may be added here."""
_LATER = {each.name: each.default for each in fields(PipelineSpec) if each.name not in (*_ALWAYS, *_LEFT_OUT)}
"""Fields added since, with their defaults. At its default a field stays out, so that older fingerprints still match."""
if MISSING in _LATER.values():
    raise TypeError("each new field of PipelineSpec needs a default: fingerprints of older operators lack it")


def digest(value: Any) -> str:
    """`d1:` and a hash of the canonical JSON. Another way of making it must get another prefix."""
    return f"d1:{_hash(value)}"


def fingerprint(spec: PipelineSpec) -> str:
    """`p1:` and a hash of all that makes the pipeline do what it does; equal for what was sent and what is observed."""
    content = {name: getattr(spec, name) for name in _ALWAYS}
    later = {name: value for name, default in _LATER.items() if (value := getattr(spec, name)) != default}
    return f"p1:{_hash({**content, **later})}"


def _hash(value: Any) -> str:
    return hashlib.sha256(_encode(value).encode()).hexdigest()[:_DIGITS]
