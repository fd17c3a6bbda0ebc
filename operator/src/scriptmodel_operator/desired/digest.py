"""Computes digests of a user's spec, and fingerprints of pipeline specs as they are sent or observed."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from scriptmodel_operator.api.marks import plain
from scriptmodel_operator.engine.values import PipelineSpec

_DIGITS = 32
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=plain).encode
_EXCLUDED = ("annotations", "description", "input", "datums", "pods")
_FORM = {
    "name": "input_name",
    "branch": "input_branch",
    "base": "base_branch",
    "trials": "trials_branch",
    "others": "other_inputs",
    "tries": "datum_tries",
    "workers": "parallelism",
    "per_task": "datums_per_task",
}
"""Names of fields in a fingerprint, where these are others."""


def digest(value: Any) -> str:
    """Return `d1:` and a hash of the canonical JSON. Another form must get another prefix."""
    return f"d1:{_hash(value)}"


def fingerprint(spec: PipelineSpec) -> str:
    """Return `p1:` and a hash of all that affects the pipeline; it is the same for a spec as sent and as observed."""
    return f"p1:{_hash(dict(field for part in (spec, spec.input, spec.datums, spec.pods) for field in _set(part)))}"


def _set(part: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields without their defaults, so that a field which a later version adds changes no fingerprint."""
    for each in fields(part):
        value = getattr(part, each.name)
        if value != each.default and each.name not in _EXCLUDED:
            yield _FORM.get(each.name, each.name), value


def specified(part: Any, **selection: Any) -> Mapping[str, Any]:
    """Return the fields that differ from their defaults, so that a field added to the API later changes no digest."""
    found: dict[str, Any] = part.model_dump(by_alias=True, exclude_defaults=True, mode="json", **selection)
    return found


def _hash(value: Any) -> str:
    return hashlib.sha256(_encode(value).encode()).hexdigest()[:_DIGITS]
