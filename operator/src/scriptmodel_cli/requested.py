"""The engine of Jobs and a bucket with the rights of a person: their kubeconfig, and URLs that the operator signs."""

import base64
import hashlib
import json
import re
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from scriptmodel_cli.transfer import Transfer
from scriptmodel_operator.engine.errors import AccessError, EngineError, NotFoundError, RefusedError, UnavailableError
from scriptmodel_operator.engine.values import EVERYTHING, BranchRef, Copies, Upload
from scriptmodel_operator.jobs.attempts import Attempts
from scriptmodel_operator.jobs.config_maps import Records
from scriptmodel_operator.jobs.document import MANIFEST
from scriptmodel_operator.jobs.gateway import JobsGateway
from scriptmodel_operator.jobs.manifest import encode_own
from scriptmodel_operator.jobs.packing import Packing
from scriptmodel_operator.jobs.ports import MERGE_PATCH, Cluster
from scriptmodel_operator.jobs.requests import LABEL, NAME_PREFIX
from scriptmodel_operator.jobs.runs import JobSettings
from scriptmodel_operator.jobs.store import MOST_PACKS, Versions

_ANSWER_SECONDS = 30.0
_FINISH_SECONDS = 600.0
_POLL_SECONDS = 0.2
_MANIFEST = re.compile(r"v1/(?P<namespace>[a-z0-9-]+)/manifests/(?P<id>[0-9a-f]{64})\.json")


@dataclass(frozen=True)
class Answered:
    """A request in Kubernetes that has an answer."""

    path: str
    uid: str
    urls: Mapping[str, str]


def _only_the_operator(*_arguments: object, **_named: object) -> NoReturn:
    raise RefusedError("listing or changing the bucket", "only the operator may do that")


class RequestedBucket:
    """Implements `Bucket`, but for what people may not do. Thread-safe."""

    def __init__(self, cluster: Cluster, transfer: Transfer, namespace: str) -> None:
        """Requests are made in `namespace`, but for data of another one, where people may have other rights."""
        self._cluster = cluster
        self._transfer = transfer
        self._namespace = namespace
        self._lock = threading.Lock()
        self._urls: dict[str, str] = {}
        """The URL of each key, until it has expired."""
        self._asked: dict[str, tuple[str, str]] = {}
        """The namespace and the request that had the URL of each key as its answer."""

    def get(self, key: str, limit: int) -> bytes:
        return self._read(key, lambda url: self._transfer.get(url, f"reading {key}", limit))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        return self._read(key, lambda url: self._transfer.get_range(url, f"reading {key}", start, length))

    def _read(self, key: str, read: Callable[[str], bytes]) -> bytes:
        """Read by a URL; one that has expired is replaced once."""
        try:
            return read(self._url(key))
        except AccessError:
            with self._lock:
                self._urls.pop(key, None)
            return read(self._url(key))

    def put(self, key: str, data: bytes | Iterable[bytes]) -> None:
        """Store an object that a request to write has a URL for; its length has to be known before it is sent."""
        with tempfile.TemporaryFile(prefix="scriptmodel-") as file:
            for piece in [data] if isinstance(data, bytes) else data:
                file.write(piece)
            if key not in self._urls:
                raise RefusedError("pushing", f"more than {MOST_PACKS} packs of 256 MiB: push a part at a time")
            self._transfer.put(self._urls[key], f"writing {key}", file)

    def create(self, key: str, data: bytes, limit: int) -> bytes:  # noqa: ARG002 - the operator has created it
        return self.get(key, limit)

    sizes = stored = copy = delete = sign = staticmethod(_only_the_operator)

    @contextmanager
    def writing(self, namespace: str, request: Mapping[str, Any]) -> Iterator[Answered]:
        """Request to write; the URLs of the answer are used by `put`."""
        with self._request(namespace, json.dumps(request), writes=True) as answered:
            self._urls |= answered.urls
            yield answered

    def finish(self, answered: Answered, manifest_id: str) -> str:
        """Have the operator make a version of what was written; return it."""
        self._patch(answered.path, answered.uid, {"stored": manifest_id})
        since = time.monotonic()
        while (waited := time.monotonic() - since) < _FINISH_SECONDS:
            data = self._data(answered.path)
            if "error" in data:
                raise RefusedError("pushing", data["error"])
            if "version" in data:
                return str(data["version"])
            if "waits" in data and waited > _ANSWER_SECONDS:
                raise UnavailableError("pushing", data["waits"])
            time.sleep(_POLL_SECONDS)
        why = "see its log, it may not reach the bucket"
        raise UnavailableError("pushing", f"the operator made no version within {_FINISH_SECONDS:.0f} s: {why}")

    def _data(self, path: str) -> Mapping[str, str]:
        """Return what a request says, and what the operator added to it."""
        return self._cluster.request("GET", path, "reading the operator's answer").get("data") or {}

    def _patch(self, path: str, uid: str, data: Mapping[str, str]) -> None:
        body = {"metadata": {"uid": uid}, "data": data}
        self._cluster.request("PATCH", path, "changing a request", body, MERGE_PATCH)

    def _url(self, key: str) -> str:
        with self._lock:
            if key not in self._urls:
                namespace, request = self._asked.get(key) or self._request_for(key)
                with self._request(namespace, request) as answered:
                    self._urls |= answered.urls
                    self._asked |= dict.fromkeys(answered.urls, (namespace, request))
            if key not in self._urls:
                raise RefusedError(f"reading {key}", "the operator's answer has no URL for it")
            return self._urls[key]

    def _request_for(self, key: str) -> tuple[str, str]:
        if found := _MANIFEST.fullmatch(key):
            return found["namespace"], json.dumps({"read": f"{found['namespace']}@{found['id']}"})
        return self._namespace if key.count("/") == 1 else key.split("/")[1], json.dumps({"object": key})

    @contextmanager
    def _request(self, namespace: str, request: str, *, writes: bool = False) -> Iterator[Answered]:
        """Make a request and wait for its answer; delete both at the end.

        A request to write is deleted by the operator, and with it what was stored and became no version.
        """
        name, path = f"{NAME_PREFIX}{secrets.token_hex(8)}", f"/api/v1/namespaces/{namespace}/configmaps"
        body = {"metadata": {"name": name, "labels": {LABEL: "true"}}, "data": {"request": request}}
        created = self._cluster.request("POST", path, "creating a request to the operator", body)
        path, uid = f"{path}/{name}", created["metadata"]["uid"]
        try:
            yield Answered(path, uid, self._answer(path, namespace, name))
        finally:
            with suppress(EngineError):  # the operator deletes it later
                if writes:
                    self._patch(path, uid, {"done": "true"})
                else:
                    self._cluster.request("DELETE", path, "deleting a request", {})

    def _answer(self, request: str, namespace: str, name: str) -> Mapping[str, str]:
        """Return the URLs of the answer once it comes. Raises RefusedError if it is a refusal."""
        path, what = f"/api/v1/namespaces/{namespace}/secrets/{name}", "reading the operator's answer"
        deadline = time.monotonic() + _ANSWER_SECONDS
        while time.monotonic() < deadline:
            with suppress(NotFoundError):
                secret = self._cluster.request("GET", path, what)
                try:
                    answer = json.loads(base64.b64decode(secret["data"]["answer"]))
                    if "error" in answer:
                        raise RefusedError("the operator refused", str(answer["error"]))
                    return {str(key): str(url) for key, url in answer["urls"].items()}
                except (LookupError, ValueError, TypeError, AttributeError) as error:
                    raise RefusedError(what, f"Secret {name} has no valid answer") from error
            time.sleep(_POLL_SECONDS)
        where = f"does it run, and does it watch namespace {namespace}?"
        waits = self._data(request).get("waits", where)
        raise UnavailableError(what, f"the operator gave none within {_ANSWER_SECONDS:.0f} s: {waits}")


class PersonalGateway(JobsGateway):
    """Reads as the operator does; what a person writes to the bucket becomes a version by a request."""

    def __init__(self, cluster: Cluster, bucket: RequestedBucket, namespaces: Sequence[str]) -> None:
        attempts = Attempts(cluster, bucket, JobSettings())
        super().__init__(
            Records(cluster, namespaces), bucket, Versions(bucket), attempts, lambda _namespace, _repo: False
        )
        self._requested = bucket
        self._projects = frozenset(namespaces)

    def create_project(self, project: str) -> None:
        raise RefusedError(f"creating project {project}", "a project is a namespace here: `kubectl create namespace`")

    def replace_files(
        self,
        branch: BranchRef,
        files: Iterable[Upload],
        gone: Sequence[str],
        seconds: float,  # noqa: ARG002 - an upload lasts as long as it takes
        copies: Copies | None = None,
    ) -> None:
        if copies or [*gone] not in ([], [EVERYTHING]):
            raise RefusedError(f"changing {branch}", "people add files, or replace them all")
        request = {"write": branch.repo.name, "branch": branch.name, "replace": bool(gone)}
        with self._requested.writing(branch.repo.project, request) as answered:
            folder = f"v1/{branch.repo.project}/uploads/{answered.uid}"
            packing = Packing(folder, files)
            for key, content in packing:
                self._requested.put(key, content)
            manifest = encode_own(packing.manifest())
            self._requested.put(f"{folder}/{MANIFEST}", manifest)
            self._requested.finish(answered, hashlib.sha256(manifest).hexdigest())
