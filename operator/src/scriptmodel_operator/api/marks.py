"""The mark: what the operator writes on an object in Pachyderm to know it again.

It is in a pipeline's `metadata.annotations` under one key and, as JSON, at the start of a repo's description. Defaults
that the operator supplied are kept in it, so that another operator with other defaults changes nothing.

A description may also name the namespaces that read the repo, anywhere and once for each (`naming`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any

from scriptmodel_operator.api.identity import GROUP

ANNOTATION = f"{GROUP}/mark"


def plain(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass for JSON. Unlike `asdict` it copies nothing deeply, in every reconcile."""
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Owner:
    """The ScriptModel that an object belongs to; `cluster` is the uid of the namespace kube-system."""

    cluster: str
    namespace: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Mark:
    """The ownership annotation: owner, digests of the spec, fingerprint of what was sent, and resolved defaults."""

    owner: Owner
    digest: str = ""
    """Digest of all fields of the user's spec that concern this object."""
    compute: str = ""
    """Digest of the fields whose change requires recomputation."""
    sent: str = ""
    """Fingerprint of the pipeline spec as it was sent; if the observed one differs, that is drift."""
    image: str = ""
    """The resolved image, either the user's or the operator's default."""
    retrain_at: str = ""
    version: int = 0
    """The pipeline version that was written with this mark. At any other version, somebody else has updated it."""

    def to_json(self) -> str:
        """Return compact JSON with sorted keys and without defaults, so that equal marks are equal text."""
        values = {name: value for name, value in plain(self).items() if value}
        return json.dumps(values, sort_keys=True, separators=(",", ":"), default=plain)

    def annotations(self) -> dict[str, str]:
        return {ANNOTATION: self.to_json()}


class Ownership(Enum):
    OURS = "ours"
    SUCCESSOR = "successor"
    """Same cluster and name, another uid: restored from a backup or applied again; adopted."""
    FOREIGN = "foreign"
    """Owned by another ScriptModel, or by that of the name in another cluster: never adopted."""
    UNMARKED = "unmarked"

    @property
    def ours(self) -> bool:
        """Whether the ScriptModel may change and delete the object without `scriptmodel.dev/adopt`."""
        return self in (Ownership.OURS, Ownership.SUCCESSOR)


def ownership(mark: Mark | None, owner: Owner) -> Ownership:
    if mark is None:
        return Ownership.UNMARKED
    if mark.owner == owner:
        return Ownership.OURS
    return Ownership.SUCCESSOR if replace(mark.owner, uid=owner.uid) == owner else Ownership.FOREIGN


def parse_mark(text: str | None) -> Mark | None:
    """Return the mark in `text`, or None if there is no valid one."""
    if not text or not text.startswith("{"):
        return None
    try:
        data, _end = json.JSONDecoder().raw_decode(text)
        owner = Owner(**{field.name: str(data["owner"][field.name]) for field in fields(Owner)})
        known = {field.name for field in fields(Mark)} - {"owner", "version"}
        rest = {key: str(value) for key, value in data.items() if key in known}
        version = int(data.get("version", 0))
        "".join((*plain(owner).values(), *rest.values())).encode()  # JSON can name lone surrogates, which nothing takes
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    return Mark(owner=owner, version=version, **rest)


def marked(mark: Mark, description: str) -> str:
    """Return a repo's description with `mark` in place of the mark that it had; what people wrote stays."""
    end = json.JSONDecoder().raw_decode(description)[1] if parse_mark(description) else 0
    return f"{mark.to_json()} {description[end:].lstrip()}".rstrip()


def naming(namespace: str) -> str:
    """Return the part of a repo's description that lets the objects of a namespace read the repo."""
    return f"[{GROUP}/v1: namespace {namespace}]"


def mark_of(annotations: Mapping[str, str]) -> Mark | None:
    return parse_mark(annotations.get(ANNOTATION))
