"""A cache of ScriptModels as the API server last sent them, trimmed to what the operator reads."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from scriptmodel_operator.api.identity import ENGINE, GROUP
from scriptmodel_operator.api.names import DEFAULT_PROJECT, Key

_pack = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_METADATA = ("name", "namespace", "uid", "generation", "resourceVersion", "finalizers", "deletionTimestamp")
RESTORED_SECONDS = 60.0
"""A list or an answer is newer than versions that were received so long before, unless etcd was restored meanwhile."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A version of an object. It is kept as JSON, which takes a quarter of the memory of the parsed object."""

    packed: bytes
    uid: str
    version: int
    request: tuple[Any, ...]
    """The part that only a user changes: generation, annotations and deletionTimestamp."""
    project: str
    requested: float
    """When the request was last seen to change (monotonic seconds)."""
    received: float
    """When this version was received (monotonic seconds)."""

    @property
    def raw(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads(self.packed)
        return found


class News(Enum):
    NONE = "none"
    """Nothing: it is known already, or older."""
    WRITTEN = "written"
    """Something that operators write, most often by this operator itself."""
    REQUESTED = "requested"
    """Something that a user writes, or the object is new."""


class Store:
    """Keeps the newest version of each object and ignores older ones that the watch brings late."""

    def __init__(self, *, namespaced: bool = False) -> None:
        """With `namespaced` the project of an object is its namespace."""
        self._objects: dict[Key, Stored] = {}
        self._namespaced = namespaced

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[Key]:
        return iter(list(self._objects))

    def projects(self) -> set[str]:
        return {stored.project for stored in self._objects.values()}

    def get(self, key: Key) -> Stored | None:
        return self._objects.get(key)

    def put(self, raw: Mapping[str, Any], *, current: bool = False) -> News:
        """Store a version unless a newer one is known; a `current` one, as of a list, may be of a restored etcd."""
        key = key_of(raw)
        known = self._objects.get(key)
        same = known is not None and known.uid == raw["metadata"]["uid"]
        if known is not None and same and _version(raw) <= known.version:
            restored = current and time.monotonic() - known.received >= RESTORED_SECONDS
            if not restored or _version(raw) == known.version:
                return News.NONE
        trimmed = _trimmed(raw)
        if known is not None and same and _request(trimmed) == known.request:
            self._objects[key] = self._stored(trimmed, known.requested)
            return News.WRITTEN
        self._objects[key] = self._stored(trimmed, time.monotonic())
        return News.REQUESTED

    def _stored(self, trimmed: Mapping[str, Any], requested: float) -> Stored:
        given = ((trimmed["spec"] or {}).get("pachyderm") or {}).get("project", DEFAULT_PROJECT)
        project = str(trimmed["metadata"]["namespace"] if self._namespaced else given)
        return Stored(
            packed=_pack(trimmed).encode(),
            uid=trimmed["metadata"]["uid"],
            version=_version(trimmed),
            request=_request(trimmed),
            project=sys.intern(project),
            requested=requested,
            received=time.monotonic(),
        )

    def refresh(self, raw: Mapping[str, Any]) -> News:
        """Store the answer to the operator's own write, unless the object has been deleted or replaced meanwhile."""
        known = self._objects.get(key_of(raw))
        if known is None or known.uid != raw["metadata"]["uid"]:
            return News.NONE
        return self.put(raw, current=True)

    def remove(self, raw: Mapping[str, Any]) -> bool:
        """Remove a deleted object, unless another of the same name exists by now."""
        key = key_of(raw)
        known = self._objects.get(key)
        if known is None or known.uid != raw["metadata"]["uid"]:
            return False
        del self._objects[key]
        return True


def key_of(raw: Mapping[str, Any]) -> Key:
    return raw["metadata"]["namespace"], raw["metadata"]["name"]


def _version(raw: Mapping[str, Any]) -> int:
    """Return the resource version as a number: every API server counts up."""
    return int(raw["metadata"]["resourceVersion"])


def _request(raw: Mapping[str, Any]) -> tuple[Any, ...]:
    metadata = raw["metadata"]
    annotations = {name: value for name, value in metadata["annotations"].items() if name != ENGINE}
    return metadata.get("generation"), annotations, metadata.get("deletionTimestamp")


def _trimmed(raw: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: raw["metadata"][key] for key in _METADATA if key in raw["metadata"]}
    annotations = raw["metadata"].get("annotations") or {}
    metadata["annotations"] = {key: text for key, text in annotations.items() if key.startswith(f"{GROUP}/")}
    return {"metadata": metadata, "spec": raw.get("spec"), "status": raw.get("status") or {}}
