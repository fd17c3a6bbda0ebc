"""Keeps records in ConfigMaps, which are changed only with the resourceVersion that was read."""

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from scriptmodel_operator.api.identity import FIELD_MANAGER, GROUP
from scriptmodel_operator.engine.errors import ConflictError, EngineError, NotFoundError, RefusedError
from scriptmodel_operator.engine.values import PipelineRef, RepoRef
from scriptmodel_operator.jobs.manifest import first_problem
from scriptmodel_operator.jobs.ports import MERGE_PATCH, METADATA, Cluster
from scriptmodel_operator.jobs.records import PipelineRecord, RepoRecord

SCHEMA = 1
LABEL = f"{GROUP}/record"
"""Label of the ConfigMaps, whose value is the kind of the record."""
_MOST_BYTES = 600 * 1024
"""A ConfigMap has at most 1 MiB; its record is text within it, whose quotes are escaped."""
_CONFLICTS = 10
_MOST_READ = 10
"""With more changed records, a list of all is faster than reading each."""
_PLAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")

log = logging.getLogger(__name__)

Record = RepoRecord | PipelineRecord
R = TypeVar("R", RepoRecord, PipelineRecord)
_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {kind: TypeAdapter(kind) for kind in (RepoRecord, PipelineRecord)}
_KINDS: Mapping[type[Any], str] = {RepoRecord: "repo", PipelineRecord: "pipeline"}


@dataclass(frozen=True, slots=True)
class Stored(Generic[R]):
    """A record as it was read; without `resource_version` there was none."""

    record: R
    resource_version: str = ""
    uid: str = ""

    @property
    def owner(self) -> dict[str, Any]:
        """The ownerReference of what belongs to it."""
        name = config_map_of(type(self.record), self.record.ref)
        return {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": self.uid}


@dataclass(frozen=True)
class Listing:
    """The records of some namespaces."""

    repos: dict[RepoRef, Stored[RepoRecord]] = field(default_factory=dict)
    pipelines: dict[PipelineRef, Stored[PipelineRecord]] = field(default_factory=dict)
    unread: dict[str, EngineError] = field(default_factory=dict)
    """Why the API server refused to list the records of a namespace."""

    @property
    def all(self) -> list[Stored[RepoRecord] | Stored[PipelineRecord]]:
        return [*self.repos.values(), *self.pipelines.values()]


def config_map_of(kind: type[Any], ref: RepoRef | PipelineRef) -> str:
    """Return the name of a record's ConfigMap. A name that is not a DNS label gets its hash as a suffix."""
    name = ref.name
    if not _PLAIN.fullmatch(name):
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        name = f"{re.sub('[^a-z0-9-]', '-', name.lower()).strip('-')}.{digest}".lstrip(".")
    return f"scriptmodel-{_KINDS[kind]}-{name}"


class Records:
    """Reads and changes the records. Thread-safe; blocking; each method may raise an EngineError."""

    def __init__(self, cluster: Cluster, namespaces: Iterable[str] = ()) -> None:
        """`namespaces` are those that are listed; none for all."""
        self._cluster = cluster
        self._namespaces = tuple(namespaces)
        self._parsed: dict[tuple[str, str], Stored[Any] | RefusedError] = {}
        """What was made of each ConfigMap by uid and resourceVersion, as of the newest list."""

    def listed(self) -> Listing:
        """Return the records without those that are damaged, which are logged once.

        Raises EngineError if the API server does not answer, or refuses all namespaces.
        """
        known, found, namespaces = self._parsed, Listing(), self._namespaces or ("",)
        self._parsed = {}
        for namespace in namespaces:
            try:
                listed = self._changed(namespace, known)
            except EngineError as error:
                if not error.code or len(found.unread) == len(namespaces) - 1:
                    raise
                found.unread[namespace] = error
                continue
            for raw in listed:
                key = _version(raw)
                self._parsed[key] = each = known.get(key) or _tried(raw)
                match each:
                    case Stored(record=RepoRecord()):
                        found.repos[each.record.ref] = each
                    case Stored(record=PipelineRecord()):
                        found.pipelines[each.record.ref] = each
        return found

    def _changed(self, namespace: str, known: Mapping[tuple[str, str], object]) -> list[dict[str, Any]]:
        """Return the ConfigMaps; of those whose version is known, the metadata alone, if few others have changed."""
        where = f"/namespaces/{namespace}" if namespace else ""
        path = f"/api/v1{where}/configmaps?labelSelector={quote(LABEL, safe='')}"
        what = f"listing records{f' in {namespace}' if namespace else ''}"
        found: list[dict[str, Any]] = self._cluster.request("GET", path, what, accept=METADATA).get("items") or []
        new = [raw for raw in found if _version(raw) not in known]
        if len(new) > _MOST_READ:
            return list(self._cluster.request("GET", path, what).get("items") or ())
        names = [f"{raw['metadata']['namespace']}/configmaps/{raw['metadata']['name']}" for raw in new]
        whole = [self._get(f"/api/v1/namespaces/{name}", f"reading ConfigMap {name}") for name in names]
        return [*(raw for raw in found if _version(raw) in known), *(raw for raw in whole if raw)]

    def _get(self, path: str, what: str) -> dict[str, Any] | None:
        try:
            return self._cluster.request("GET", path, what)
        except NotFoundError:  # there is none, or it was deleted meanwhile
            return None

    def repo(self, ref: RepoRef) -> Stored[RepoRecord] | None:
        return self._read(RepoRecord, ref)

    def pipeline(self, ref: PipelineRef) -> Stored[PipelineRecord] | None:
        return self._read(PipelineRecord, ref)

    def _read(self, kind: type[R], ref: RepoRef | PipelineRef) -> Stored[R] | None:
        """Return a record, None if there is none. Raises RefusedError for a damaged one."""
        raw = self._get(_path(kind, ref), f"reading {_KINDS[kind]} {ref}")
        return _stored(raw, kind) if raw else None

    def put(self, known: Stored[R], record: R) -> Stored[R]:
        """Replace the record that was read, or create it. Raises ConflictError if it was changed meanwhile."""
        if known.resource_version and record == known.record:
            return known
        kind, record = type(record), _bounded(record)
        name, namespace = config_map_of(kind, record.ref), record.ref.project
        body: dict[str, Any] = {"data": {"record": _text(record)}, "metadata": {}}
        path, method, content_type = _path(kind, record.ref), "PATCH", MERGE_PATCH
        if known.resource_version:
            body["metadata"] = {"resourceVersion": known.resource_version}
        else:
            labels = {LABEL: _KINDS[kind], "app.kubernetes.io/managed-by": FIELD_MANAGER}
            body |= {"apiVersion": "v1", "kind": "ConfigMap"}
            body["metadata"] = {"name": name, "namespace": namespace, "labels": labels}
            path, method, content_type = path.rpartition("/")[0], "POST", "application/json"
        raw = self._cluster.request(method, path, f"writing {_KINDS[kind]} {record.ref}", body, content_type)
        self._parsed[_version(raw)] = stored = _stored(raw, kind)
        return stored

    def change(self, known: Stored[R] | None, what: str, update: Callable[[R], R]) -> Stored[R]:
        """Replace a record by what `update` makes of it, again if somebody changes it meanwhile.

        Raises NotFoundError if there is none, and what `update` raises.
        """
        for _ in range(_CONFLICTS):
            if known is None:
                break
            try:
                return self.put(known, update(known.record))
            except ConflictError:
                known = self._read(type(known.record), known.record.ref)
        if known is None:
            raise NotFoundError(what, "not found", "NOT_FOUND")
        raise ConflictError(what, "somebody else changes it all the time")

    def delete(self, kind: type[Any], ref: RepoRef | PipelineRef) -> None:
        """Delete a record, and with it what it owns. A missing one is not an error."""
        with suppress(NotFoundError):
            body = {"propagationPolicy": "Background"}
            self._cluster.request("DELETE", _path(kind, ref), f"deleting {_KINDS[kind]} {ref}", body)


def _version(raw: Mapping[str, Any]) -> tuple[str, str]:
    return raw["metadata"]["uid"], raw["metadata"]["resourceVersion"]


def _path(kind: type[Any], ref: RepoRef | PipelineRef) -> str:
    return f"/api/v1/namespaces/{quote(ref.project, safe='')}/configmaps/{config_map_of(kind, ref)}"


def _text(record: Record) -> str:
    content = _ADAPTERS[type(record)].dump_python(record, mode="json", exclude_defaults=True)
    return json.dumps({"schema": SCHEMA, **content}, separators=(",", ":"), ensure_ascii=False)


def _bounded(record: R) -> R:
    """Drop the runs of the oldest ended jobs, then these jobs, until the record fits into a ConfigMap."""
    if not isinstance(record, PipelineRecord):
        return record
    versions = {job.version for job in record.jobs}
    record = replace(record, older={number: spec for number, spec in record.older.items() if number in versions})
    while len(_text(record)) > _MOST_BYTES:
        ended = [job for job in record.jobs[1:] if job.state.final and not any(run.state.active for run in job.runs)]
        if not ended:
            break
        full = next((job for job in reversed(ended) if job.runs), None)
        if full:
            record = record.with_job(replace(full, runs=()))
        else:
            record = replace(record, jobs=tuple(job for job in record.jobs if job is not ended[-1]))
    return record


def _tried(raw: Mapping[str, Any]) -> Stored[Any] | RefusedError:
    kind = next((kind for kind, name in _KINDS.items() if name == raw["metadata"]["labels"].get(LABEL)), RepoRecord)
    try:
        return _stored(raw, kind)
    except RefusedError as error:
        log.warning("%s", error)
        return error


def _stored(raw: Mapping[str, Any], kind: type[R]) -> Stored[R]:
    """Parse a ConfigMap. Raises RefusedError, which names it."""
    metadata = raw["metadata"]
    try:
        content = json.loads((raw.get("data") or {}).get("record", ""))
        schema = content.pop("schema")
        record: R = _ADAPTERS[kind].validate_python(content)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _damaged(metadata, _first_line(error)) from error
    if schema != SCHEMA:
        raise _damaged(metadata, f"schema {schema!r} is not {SCHEMA}")
    if (metadata["namespace"], metadata["name"]) != (record.ref.project, config_map_of(kind, record.ref)):
        raise _damaged(metadata, f"it is that of {record.ref}")
    return Stored(record, metadata["resourceVersion"], metadata["uid"])


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return first_problem(error)
    return f"{type(error).__name__}: {error}"


def _damaged(metadata: Mapping[str, Any], why: str) -> RefusedError:
    what = f"reading ConfigMap {metadata['namespace']}/{metadata['name']}"
    return RefusedError(what, f"its record is not valid ({why}): restore it from a backup, or delete it")
