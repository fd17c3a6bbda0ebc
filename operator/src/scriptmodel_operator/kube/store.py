"""ScriptModels as the API server last sent them, trimmed to what the operator reads."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from scriptmodel_operator.api.identity import ADOPT, RECONCILE_AT, RETRAIN_AT
from scriptmodel_operator.kube.echoes import Echoes

_pack = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
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
    """An object, and when the user's side of it was last seen to change (monotonic seconds).

    It lies there as JSON, which is a quarter of the size of what it is made into when it is asked for.
    """

    packed: bytes
    uid: str
    version: int
    asks: tuple[Any, ...]
    project: str
    """The Pachyderm project of its pipelines."""
    asked: float

    @property
    def raw(self) -> Mapping[str, Any]:
        """The object, made anew each time."""
        found: Mapping[str, Any] = json.loads(self.packed)
        return found


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
        self.echoes = Echoes()

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[Key]:
        return iter(list(self._objects))

    def projects(self) -> set[str]:
        """Pachyderm projects that the objects are in."""
        return {stored.project for stored in self._objects.values()}

    def get(self, key: Key) -> Stored | None:
        return self._objects.get(key)

    def put(self, raw: Mapping[str, Any]) -> News:
        """Take a version in."""
        key = key_of(raw)
        known = self._objects.get(key)
        same = known is not None and known.uid == raw["metadata"]["uid"]
        if known is not None and same and _version(raw) <= known.version:
            return News.NONE
        trimmed = _trimmed(raw)
        if known is not None and same and _asks_for(trimmed) == known.asks:
            self._objects[key] = _stored(trimmed, known.asked)
            return News.WRITTEN
        self._objects[key] = _stored(trimmed, time.monotonic())
        return News.ASKED

    def refresh(self, raw: Mapping[str, Any]) -> News:
        """Take in what our own write was answered with, unless the object has gone in the meantime."""
        known = self._objects.get(key_of(raw))
        if known is None or known.uid != raw["metadata"]["uid"]:
            return News.NONE
        news = self.put(raw)
        if news is not News.NONE:
            self.echoes.expect(_version(raw))
        return news

    def remove(self, raw: Mapping[str, Any]) -> bool:
        """The object is gone, unless one of the same name has come since."""
        key = key_of(raw)
        known = self._objects.get(key)
        if known is None or known.uid != raw["metadata"]["uid"]:
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


def _stored(trimmed: Mapping[str, Any], asked: float) -> Stored:
    project = str(((trimmed["spec"] or {}).get("pachyderm") or {}).get("project", "default"))
    return Stored(
        packed=_pack(trimmed).encode(),
        uid=trimmed["metadata"]["uid"],
        version=_version(trimmed),
        asks=_asks_for(trimmed),
        project=sys.intern(project),
        asked=asked,
    )


def _trimmed(raw: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: raw["metadata"][key] for key in _METADATA if key in raw["metadata"]}
    annotations = raw["metadata"].get("annotations") or {}
    metadata["annotations"] = {key: annotations[key] for key in _ANNOTATIONS if key in annotations}
    return {"metadata": metadata, "spec": raw.get("spec"), "status": raw.get("status") or {}}
