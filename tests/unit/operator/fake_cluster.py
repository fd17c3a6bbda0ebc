"""An API server in memory for the engine of Jobs: objects of any kind with resourceVersions, owners and faults."""

import copy
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from scriptmodel_operator.engine.errors import ConflictError, EngineError, NotFoundError

_PATH = re.compile(
    r"/(?:api|apis/[^/]+)/v1(?:alpha1)?(?:/namespaces/(?P<namespace>[^/]+))?/(?P<kind>[a-z]+)(?:/(?P<name>[^/]+))?(?P<rest>/.*)?"
)
Place = tuple[str, str, str]
"""Kind (plural), namespace and name of an object."""


@dataclass
class FakeLines:
    """Implements `Lines`."""

    lines: list[str]

    def __iter__(self) -> Iterator[str]:
        return iter(self.lines)

    def cancel(self) -> None:
        return None


@dataclass
class FakeCluster:
    """Implements `Cluster`; `fault` receives each request, and whether it has taken effect already."""

    objects: dict[Place, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    """Method, kind and name of each request, in order."""
    logs: dict[str, list[str]] = field(default_factory=dict)
    """The lines of the log of each pod, by its name."""
    fault: Callable[[str, bool], EngineError | None] = lambda _call, _after: None
    now: str = "2026-01-01T00:00:00Z"
    _version: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def request(
        self,
        method: str,
        path: str,
        what: str,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> dict[str, Any]:
        url = urlsplit(path)
        match = _PATH.fullmatch(url.path)
        assert match, path
        namespace, kind, name = match["namespace"] or "", match["kind"], match["name"] or ""
        call = f"{method} {kind} {name or (body or {}).get('metadata', {}).get('name', '')}".strip()
        with self._lock:
            self.calls.append(call)
            self._check(call, after=False)
            if method == "PATCH":
                assert content_type == "application/merge-patch+json", content_type
            if name:
                found = self._one(method, (kind, namespace, name), what, body or {})
            elif method == "POST":
                found = self._create((kind, namespace, (body or {})["metadata"]["name"]), what, body or {})
            else:
                query = {key: values[0] for key, values in parse_qs(url.query).items()}
                selector, fields = query.get("labelSelector", ""), query.get("fieldSelector", "").partition("=")
                items = [
                    each
                    for place, each in self.objects.items()
                    if self._listed(place, each, kind, namespace, selector)
                    and (fields[0] != "metadata.name" or fields[2] == place[2])
                ]
                found = {"items": items}
            self._check(call, after=True)
            if "PartialObjectMetadataList" in accept:
                found = {"items": [{"metadata": each["metadata"]} for each in found["items"]]}
            return copy.deepcopy(found)

    def lines(self, path: str, what: str, seconds: float) -> FakeLines:
        assert seconds > 0
        name = path.split("/pods/")[1].partition("/")[0]
        with self._lock:
            self.calls.append(f"GET log {name}")
            self._check(f"GET log {name}", after=False)
            if name not in self.logs:
                raise NotFoundError(what, "not found", "404")
            return FakeLines(list(self.logs[name]))

    # --- what a test does

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [each for place, each in self.objects.items() if place[0] == kind]

    def set(self, kind: str, namespace: str, name: str, **changes: Any) -> None:
        """Change an object as another client, such as the Job controller; create one that does not exist."""
        with self._lock:
            known = self.objects.get((kind, namespace, name), {"metadata": {"name": name, "namespace": namespace}})
            metadata = {**known["metadata"], **changes.pop("metadata", {})}
            self._write((kind, namespace, name), {**known, **changes, "metadata": metadata})

    # --- the API server

    def _check(self, call: str, *, after: bool) -> None:
        error = self.fault(call, after)
        if error is not None:
            raise error

    def _one(self, method: str, place: Place, what: str, body: Mapping[str, Any]) -> dict[str, Any]:
        known = self.objects.get(place)
        if known is None:
            raise NotFoundError(what, f'{place[0]} "{place[2]}" not found', "404")
        uids = (body.get("metadata", {}).get("uid"), body.get("preconditions", {}).get("uid"))
        if any(uid not in (None, known["metadata"]["uid"]) for uid in uids):
            raise ConflictError(what, "the UID in the precondition does not match", "409")
        if method == "DELETE":
            self._delete(place)
            return {"kind": "Status", "status": "Success"}
        if method == "GET":
            return known
        version = body.get("metadata", {}).get("resourceVersion")
        if version not in (None, known["metadata"]["resourceVersion"]):
            raise ConflictError(what, "the object has been modified", "409")
        kept = {key: known["metadata"][key] for key in ("uid", "creationTimestamp")}
        changed = _merged(known, body) if method == "PATCH" else dict(body)
        return self._write(place, {**changed, "metadata": {**changed["metadata"], **kept}})

    def _create(self, place: Place, what: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if place in self.objects:
            raise ConflictError(what, f'{place[0]} "{place[2]}" already exists', "409")
        return self._write(place, {**body, "metadata": {**body["metadata"], "namespace": place[1]}})

    def _write(self, place: Place, content: Mapping[str, Any]) -> dict[str, Any]:
        self._version += 1
        made = {"uid": f"uid-{self._version}", "creationTimestamp": self.now}
        metadata = {**made, **content["metadata"], "resourceVersion": str(self._version)}
        self.objects[place] = copy.deepcopy({**content, "metadata": metadata})
        return self.objects[place]

    def _delete(self, place: Place) -> None:
        gone = self.objects.pop(place)
        for other, each in list(self.objects.items()):
            owners = [owner["uid"] for owner in each["metadata"].get("ownerReferences", ())]
            if gone["metadata"]["uid"] in owners and other in self.objects:
                self._delete(other)

    @staticmethod
    def _listed(place: Place, content: Mapping[str, Any], kind: str, namespace: str, selector: str) -> bool:
        labels = content["metadata"].get("labels", {})
        fits = all(_fits(labels, each) for each in filter(None, re.split(r",(?![^(]*\))", selector)))
        return place[0] == kind and namespace in ("", place[1]) and fits


def _fits(labels: Mapping[str, str], requirement: str) -> bool:
    key, equals, value = requirement.partition("=")
    if equals:
        return labels.get(key) == value
    key, of_many, values = requirement.partition(" in ")
    if of_many:
        return labels.get(key) in values.strip("()").split(",")
    return key[1:] not in labels if key.startswith("!") else key in labels


def _merged(known: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object after a merge patch."""
    merged = dict(known)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            old = merged.get(key)
            merged[key] = (
                _merged(old if isinstance(old, Mapping) else {}, value) if isinstance(value, Mapping) else value
            )
    return merged
