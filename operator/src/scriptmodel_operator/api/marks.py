"""The mark: what the operator writes on an object in Pachyderm to know it again.

It stands in a pipeline's `metadata.annotations` under one key and, as JSON, in a repo's description. Defaults
that the operator supplied are kept in it, so that another operator with other defaults changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from scriptmodel_operator.api.identity import GROUP

ANNOTATION = f"{GROUP}/mark"


def plain(value: Any) -> dict[str, Any]:
    """A dataclass, as JSON is to have it. `asdict` would copy all that it meets, which every reconcile pays for."""
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Owner:
    """Which ScriptModel an object belongs to; `cluster` is the uid of the namespace kube-system."""

    cluster: str
    namespace: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Mark:
    """Owner, digests of the user's spec, the spec as it was sent, and the defaults that were resolved for it."""

    owner: Owner
    digest: str = ""
    """Of all that the user's spec says about this object."""
    compute: str = ""
    """Of that part of it whose change needs everything to be computed again."""
    sent: str = ""
    """Of the pipeline spec as it was sent; a difference to what is observed is drift."""
    image: str = ""
    """The image that was resolved, whether the user named it or the operator did."""
    retrain_at: str = ""
    version: int = 0
    """The version that the write with this mark made. At another version, somebody else has written since."""

    def to_json(self) -> str:
        """Compact and with sorted keys, so that equal marks are equal text."""
        return json.dumps(self, sort_keys=True, separators=(",", ":"), default=plain)

    def annotations(self) -> dict[str, str]:
        return {ANNOTATION: self.to_json()}


class Ownership(Enum):
    """How an observed object relates to a ScriptModel."""

    OURS = "ours"
    SUCCESSOR = "successor"
    """Same cluster and name, another uid: a restored backup or a manifest applied again; taken over."""
    OTHER_CLUSTER = "other cluster"
    """Same namespace and name in another cluster: taken over where the object asks for it."""
    FOREIGN = "foreign"
    """Marked by another ScriptModel: never taken over."""
    UNMARKED = "unmarked"

    @property
    def ours(self) -> bool:
        """Whether the ScriptModel may change and delete the object without being asked to adopt it."""
        return self in (Ownership.OURS, Ownership.SUCCESSOR)


def ownership(mark: Mark | None, owner: Owner) -> Ownership:
    """Pure comparison of a mark with the ScriptModel that would like to own it."""
    if mark is None:
        return Ownership.UNMARKED
    if mark.owner == owner:
        return Ownership.OURS
    if (mark.owner.namespace, mark.owner.name) != (owner.namespace, owner.name):
        return Ownership.FOREIGN
    return Ownership.SUCCESSOR if mark.owner.cluster == owner.cluster else Ownership.OTHER_CLUSTER


def parse_mark(text: str | None) -> Mark | None:
    """The mark in `text`, or None where there is none that this operator can read."""
    if not text or not text.startswith("{"):
        return None
    try:
        data = json.loads(text)
        owner = Owner(**{field.name: str(data["owner"][field.name]) for field in fields(Owner)})
        known = {field.name for field in fields(Mark)} - {"owner", "version"}
        rest = {key: str(value) for key, value in data.items() if key in known}
        version = int(data.get("version", 0))
    except (ValueError, KeyError, TypeError):
        return None
    return Mark(owner=owner, version=version, **rest)


def mark_of(annotations: Mapping[str, str]) -> Mark | None:
    """The mark among a pipeline's annotations."""
    return parse_mark(annotations.get(ANNOTATION))
