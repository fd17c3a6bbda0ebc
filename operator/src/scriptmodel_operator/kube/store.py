"""ScriptModels as the API server last sent them, trimmed to what the operator reads."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from scriptmodel_operator.api.identity import ADOPT, RECONCILE_AT, RETRAIN_AT

Key = tuple[str, str]
_METADATA = (
    "name",
    "namespace",
    "uid",
    "generation",
    "resourceVersion",
    "finalizers",
    "deletionTimestamp",
)
_ANNOTATIONS = (ADOPT, RECONCILE_AT, RETRAIN_AT)


@dataclass(frozen=True, slots=True)
class Stored:
    """An object, and when the user's side of it was last seen to change (monotonic seconds)."""

    raw: Mapping[str, Any]
    asked: float


class News(Enum):
    """What a version of an object brings."""

    NONE = "none"
    """Known already, or older."""
    WRITTEN = "written"
    """Something that operators write changed: most often by our own hand."""
    ASKED = "asked"
    """The user's side changed, or the object is new."""


class Store:
    """Newest version of each object; what comes late from a watch is dropped."""

    def __init__(self) -> None:
        self._objects: dict[Key, Stored] = {}

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[Key]:
        return iter(list(self._objects))

    def projects(self) -> set[str]:
        """Pachyderm projects that the objects are in."""
        specs = (stored.raw.get("spec") or {} for stored in self._objects.values())
        return {str((spec.get("pachyderm") or {}).get("project", "default")) for spec in specs}

    def get(self, key: Key) -> Stored | None:
        return self._objects.get(key)

    def put(self, raw: Mapping[str, Any]) -> News:
        """Take a version in."""
        trimmed = _trimmed(raw)
        key = key_of(raw)
        known = self._objects.get(key)
        if known is None or known.raw["metadata"]["uid"] != trimmed["metadata"]["uid"]:
            self._objects[key] = Stored(trimmed, time.monotonic())
            return News.ASKED
        if _version(trimmed) <= _version(known.raw):
            return News.NONE
        if _asks_for(trimmed) == _asks_for(known.raw):
            self._objects[key] = Stored(trimmed, known.asked)
            return News.WRITTEN
        self._objects[key] = Stored(trimmed, time.monotonic())
        return News.ASKED

    def refresh(self, raw: Mapping[str, Any]) -> None:
        """Take in what our own write was answered with, unless the object has gone in the meantime."""
        known = self._objects.get(key_of(raw))
        if known is not None and known.raw["metadata"]["uid"] == raw["metadata"]["uid"]:
            self.put(raw)

    def remove(self, raw: Mapping[str, Any]) -> bool:
        """The object is gone, unless one of the same name has come since."""
        key = key_of(raw)
        known = self._objects.get(key)
        if known is None or known.raw["metadata"]["uid"] != raw["metadata"]["uid"]:
            return False
        del self._objects[key]
        return True


def key_of(raw: Mapping[str, Any]) -> Key:
    return raw["metadata"]["namespace"], raw["metadata"]["name"]


def _version(raw: Mapping[str, Any]) -> int:
    """Versions of one object are numbers that grow, for every API server there is."""
    return int(raw["metadata"]["resourceVersion"])


def _asks_for(raw: Mapping[str, Any]) -> tuple[Any, ...]:
    """What the user says: not what the operator itself wrote."""
    metadata = raw["metadata"]
    return metadata.get("generation"), metadata.get("annotations"), metadata.get("deletionTimestamp")


def _trimmed(raw: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: raw["metadata"][key] for key in _METADATA if key in raw["metadata"]}
    annotations = raw["metadata"].get("annotations") or {}
    metadata["annotations"] = {key: annotations[key] for key in _ANNOTATIONS if key in annotations}
    return {"metadata": metadata, "spec": raw.get("spec"), "status": raw.get("status") or {}}
