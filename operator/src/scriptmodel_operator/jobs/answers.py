"""Answers the requests of people, who have no credentials of the bucket; their forms are in docs/contributing/jobs.md.

A person is not trusted. A request may change at any time, so each step reads it anew and relies on no earlier check;
packs are below a prefix with the request's uid, which nobody chooses. Each step may be repeated, by two operators too.
"""

import asyncio
import base64
import hashlib
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from scriptmodel_operator.api.marks import naming, parse_mark
from scriptmodel_operator.engine.errors import ConflictError, EngineError, NotFoundError, RefusedError, allowing
from scriptmodel_operator.engine.gateway import Calls
from scriptmodel_operator.engine.values import EVERYTHING, BranchRef, PipelineRef, RepoRef
from scriptmodel_operator.jobs.config_maps import Records
from scriptmodel_operator.jobs.document import MANIFEST, MAX_BYTES
from scriptmodel_operator.jobs.manifest import MAX_MANIFEST_BYTES, Manifest, namespace_of, parse
from scriptmodel_operator.jobs.planning import MayRead
from scriptmodel_operator.jobs.ports import MERGE_PATCH, Bucket, Cluster
from scriptmodel_operator.jobs.records import Version
from scriptmodel_operator.jobs.requests import (
    LABEL,
    LIFETIME,
    WRITE_LIFETIME,
    Read,
    ReadObject,
    Request,
    Write,
    request_of,
)
from scriptmodel_operator.jobs.store import ENGINE_KEY, MOST_PACKS, Versions, manifest_key

INTERVAL_SECONDS = 2.0
MOST_REQUESTS = 50
"""The most requests of a namespace at a time: further ones are deleted."""
_KEPT = "kept.json"
"""Object beside the packs of an upload, which lists those that a version has; empty while that is not known."""

log = logging.getLogger(__name__)

PutVersion = Callable[[BranchRef, Manifest, Sequence[str]], Version]
"""Adds files to a branch without those in some paths; returns its newest version, the old one if nothing changed."""


@dataclass
class Requests:
    """The requests in some namespaces, or in all."""

    cluster: Cluster
    bucket: Bucket
    records: Records
    versions: Versions
    put_version: PutVersion
    may_read: MayRead
    namespaces: Sequence[str] = ()
    monotonic: Callable[[], float] = time.monotonic
    _seen: dict[str, float] = field(default_factory=dict)
    """When each request was first seen, by uid: so the clocks of two machines are never compared."""
    _answered: set[str] = field(default_factory=set)
    """Uids of requests that have an answer, so that it is not created again each time."""
    _reported: dict[str, str] = field(default_factory=dict)
    """The last error of a request by its uid, or of a list by its path, which is logged once."""

    async def run(self, calls: Calls) -> None:
        """Answer requests until cancelled."""
        while True:
            try:
                await calls.run(self.answer)
            except EngineError as error:
                self._report("", str(error))
            else:
                self._reported.pop("", None)
            await asyncio.sleep(INTERVAL_SECONDS)

    def answer(self) -> None:
        """Do what each request needs now. Raises EngineError if none can be listed."""
        found = sorted(self._listed(), key=lambda each: each.created)
        uids = {each.uid for each in found}
        now = self.monotonic()
        self._seen = {uid: self._seen.get(uid, now) for uid in uids}
        self._answered &= uids
        self._reported = {uid: error for uid, error in self._reported.items() if uid in uids or not uid or "/" in uid}
        count = Counter[str]()
        for request in found:
            count[request.namespace] += 1
            try:
                self._handle(request, extra=count[request.namespace] > MOST_REQUESTS)
            except (NotFoundError, ConflictError):
                continue  # it was deleted or replaced meanwhile
            except Exception as error:  # people write what is read here, and must not end the operator by that
                if self._report(request.uid, f"cannot answer request {request}, retrying: {error}"):
                    with suppress(EngineError):  # it is in the log, too
                        self._write(request, {"waits": str(error)})

    def _report(self, uid: str, error: str) -> bool:
        """Log an error once; return whether it is a new one."""
        if new := self._reported.get(uid) != error:
            self._reported[uid] = error
            log.warning("%s", error)
        return new

    def _listed(self) -> Iterator[Request]:
        query = f"labelSelector={quote(LABEL, safe='')}%3Dtrue&resourceVersion=0"
        places = [f"namespaces/{quote(each, safe='')}/" for each in self.namespaces] or [""]
        for place in places:
            try:
                listed = self.cluster.request("GET", f"/api/v1/{place}configmaps?{query}", "listing requests")
            except EngineError as error:
                if not error.code or len(places) == 1:
                    raise
                self._report(place, f"cannot answer the requests in {place}: {error}")
                continue
            for each in listed.get("items") or ():
                if request := request_of(each):
                    yield request

    def _handle(self, request: Request, *, extra: bool) -> None:
        if extra or "done" in request.data or self._age(request) > request.lifetime:
            self._drop(request)
            preconditions = {"preconditions": {"uid": request.uid}}
            self.cluster.request("DELETE", request.path, f"deleting request {request}", preconditions)
        elif not request.data.keys() & {"version", "error"}:
            if request.uid not in self._answered:
                self._create_answer(request)
                self._answered.add(request.uid)
            if "stored" in request.data:
                self._finish(request)

    def _age(self, request: Request) -> timedelta:
        return timedelta(seconds=self.monotonic() - self._seen[request.uid])

    def _drop(self, request: Request) -> None:
        """Delete what was stored of an upload, but for the packs that a version has."""
        if request.lifetime != WRITE_LIFETIME:
            return
        listed, kept_key = self.bucket.sizes(request.prefix), f"{request.prefix}/{_KEPT}"
        kept = json.loads(self.bucket.get(kept_key, MAX_BYTES) or "null") if kept_key in listed else []
        if kept is not None and (gone := listed.keys() - {*kept, *([kept_key] if kept else [])}):
            self.bucket.delete(sorted(gone))

    def _create_answer(self, request: Request) -> None:
        """Create the Secret with the answer; one that exists already stays."""
        try:
            answer = self._answer_to(request)
        except (RefusedError, NotFoundError) as error:
            answer = {"error": str(error)}
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": request.name, "uid": request.uid}
        body = {
            "metadata": {"name": request.name, "ownerReferences": [owner]},
            "immutable": True,
            "data": {"answer": base64.b64encode(json.dumps(answer).encode()).decode()},
        }
        path = f"/api/v1/namespaces/{request.namespace}/secrets"
        with suppress(ConflictError):
            self.cluster.request("POST", path, f"answering request {request}", body)

    def _answer_to(self, request: Request) -> dict[str, Any]:
        method, lifetime = "GET", LIFETIME
        match request.parsed():
            case Read(read=version):
                keys = self._readable(request, *version.split("@"))
            case ReadObject(object=key):
                if key != ENGINE_KEY and namespace_of(key) != request.namespace:
                    raise RefusedError(f"reading {key}", f"it is not of namespace {request.namespace}")
                keys = [key]
            case Write() as write:
                self._target(request, write)
                packs = [f"{request.prefix}/pack-{number:04}" for number in range(MOST_PACKS)]
                keys = [f"{request.prefix}/{MANIFEST}", *packs]
                method, lifetime = "PUT", WRITE_LIFETIME
        urls = self.bucket.sign(method, keys, lifetime.total_seconds(), public=True)
        return {"urls": dict(zip(keys, urls, strict=True))}

    def _readable(self, request: Request, namespace: str, manifest_id: str) -> list[str]:
        """Return the keys of manifest and packs of a version. Raises RefusedError if people may not read it."""
        if namespace != request.namespace and (refused := self._refusal(request.namespace, namespace, manifest_id)):
            raise RefusedError(f"reading version {namespace}@{manifest_id}", refused)
        manifest = self.versions.load(namespace, manifest_id)
        return [manifest_key(namespace, manifest_id), *(pack.key for pack in manifest.packs)]

    def _refusal(self, reader: str, namespace: str, manifest_id: str) -> str:
        """Return why a namespace may not read a version of another one; empty if it may read any repo that has it."""
        listing, found = self.records.listed(), dict[RepoRef, str]()
        for repo, stored in listing.repos.items():
            versions = (each for branch in stored.record.branches.values() for each in branch)
            if repo.project == namespace and any(each.manifest == manifest_id for each in versions):
                found[repo] = stored.record.description
        for pipeline, made in listing.pipelines.items():
            outputs = (job.output for job in made.record.jobs)
            if pipeline.project == namespace and any(each and each.manifest == manifest_id for each in outputs):
                found[pipeline.output] = ""
        if any(naming(reader) in description or self.may_read(reader, repo) for repo, description in found.items()):
            return ""
        refusals = (f"namespace {reader!r} may not: {allowing('repo', f'{reader}={each}')}" for each in found)
        return next(refusals, f"no repo of namespace {namespace} has it")

    def _target(self, request: Request, write: Write) -> BranchRef:
        """Return the branch to write to. Raises RefusedError if people may not."""
        repo = RepoRef(request.namespace, write.write)
        what, found = f"pushing to repo {repo}", self.records.repo(repo)
        if found is None:
            raise NotFoundError(what, "it does not exist: add --create to create it")
        if parse_mark(found.record.description) or self.records.pipeline(PipelineRef(repo.project, repo.name)):
            raise RefusedError(what, "a ScriptModel fills it: push to another repo")
        return BranchRef(repo, write.branch)

    def _finish(self, request: Request) -> None:
        """Make a version of what was stored, and write the result into the request."""
        try:
            result = {"version": self._version(request)}
        except (RefusedError, NotFoundError) as error:
            result = {"error": str(error)}
        self._write(request, result)

    def _write(self, request: Request, data: dict[str, str]) -> None:
        patch = {"metadata": {"uid": request.uid}, "data": data}
        self.cluster.request("PATCH", request.path, f"writing into request {request}", patch, MERGE_PATCH)

    def _version(self, request: Request) -> str:
        what, prefix = f"checking the upload of request {request}", request.prefix
        write = request.parsed()
        if not isinstance(write, Write):
            raise RefusedError(what, "it is no request to write")
        target, listed = self._target(request, write), self.bucket.sizes(prefix)
        data = self.bucket.get(f"{prefix}/{MANIFEST}", MAX_MANIFEST_BYTES)
        if hashlib.sha256(data).hexdigest() != request.data["stored"]:
            raise RefusedError(what, "the manifest has another SHA-256 than data.stored")
        manifest = parse(data, prefix=prefix)
        if not manifest.files:
            raise RefusedError(what, "it has no files")
        self.versions.check_sizes(manifest)
        kept_key = f"{prefix}/{_KEPT}"
        again = kept_key in listed
        if not again:
            self.bucket.put(kept_key, b"")
        version = self.put_version(target, manifest, [EVERYTHING] if write.replace else [])
        packs = {pack.key for pack in self.versions.load(request.namespace, version.manifest).packs}
        if (kept := sorted(packs & listed.keys())) or not again:  # otherwise an older version may have them
            self.bucket.put(kept_key, json.dumps(kept).encode())
        return version.id
