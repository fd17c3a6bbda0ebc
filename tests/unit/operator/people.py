"""People who make requests to the operator, in memory."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from scriptmodel_cli.requested import RequestedBucket
from scriptmodel_cli.transfer import Transfer
from scriptmodel_operator.desired.policy import Policy
from scriptmodel_operator.engine.errors import EngineError
from scriptmodel_operator.engine.values import BranchRef, RepoRef
from scriptmodel_operator.jobs.answers import Requests
from scriptmodel_operator.jobs.config_maps import Records
from scriptmodel_operator.jobs.manifest import encode_own
from scriptmodel_operator.jobs.packing import Packing
from scriptmodel_operator.jobs.requests import LABEL
from scriptmodel_operator.jobs.store import Versions
from tests.unit.operator.fake_bucket import FakeBucket
from tests.unit.operator.fake_cluster import FakeCluster
from tests.unit.operator.job_worlds import JobWorld

NAME = "scriptmodel-request-1a2b3c4d"
PLAYS = {"/hamlet.txt": b"HAMLET: To be or not to be.\n", "/lear.txt": b"LEAR: Blow, winds!\n"}


@dataclass
class People:
    """Two namespaces, `ml` and `web`, and an operator that answers when a test says so."""

    cluster: FakeCluster = field(default_factory=FakeCluster)
    bucket: FakeBucket = field(default_factory=FakeBucket)
    policy: Policy = field(default_factory=Policy)
    clock: float = 0.0
    """Seconds on the operator's clock."""

    def __post_init__(self) -> None:
        self.gateway = JobWorld(self.cluster, self.bucket).gateway()
        self.requests = self.operator()

    def operator(self) -> Requests:
        """Return an operator that has just started."""
        put_version = JobWorld(self.cluster, self.bucket).gateway().put_version
        requests = Requests(
            self.cluster, self.bucket, Records(self.cluster), Versions(self.bucket), put_version, self.may_read
        )
        requests.monotonic = lambda: self.clock
        return requests

    repo_ref = RepoRef("ml", "plays")

    def may_read(self, namespace: str, repo: RepoRef) -> bool:
        return self.policy.lists(namespace, repo)

    def repo(self, name: str = "plays", namespace: str = "ml", description: str = "") -> RepoRef:
        repo = RepoRef(namespace, name)
        self.gateway.create_repo(repo, description)
        return repo

    def put(self, repo: RepoRef, files: Mapping[str, bytes] = PLAYS) -> str:
        """Return the id of the manifest of a new version."""
        branch = BranchRef(repo, "master")
        self.gateway.replace_files(branch, [(path, [text]) for path, text in files.items()], [], 60)
        return self.versions(repo)[0]

    def versions(self, repo: RepoRef) -> list[str]:
        """Return the manifests of the versions of a repo, newest first."""
        found = Records(self.cluster).repo(repo)
        return [each.manifest for each in (found.record.branches.get("master", ()) if found else ())]

    def ask(self, request: object, namespace: str = "ml", name: str = NAME, **more: str) -> str:
        """Make a request and return its uid."""
        data = {"request": request if isinstance(request, str) else json.dumps(request), **more}
        labels = {LABEL: "true"}
        body = {"metadata": {"name": name, "labels": labels}, "data": data}
        created = self.cluster.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", "asking", body)
        return str(created["metadata"]["uid"])

    def change(self, name: str = NAME, namespace: str = "ml", **data: str) -> None:
        known = self.data(name, namespace)
        self.cluster.set("configmaps", namespace, name, data={**known, **data})

    def data(self, name: str = NAME, namespace: str = "ml") -> dict[str, str]:
        return dict(self.cluster.objects["configmaps", namespace, name].get("data") or {})

    def answer(self, name: str = NAME, namespace: str = "ml") -> dict[str, Any]:
        secret = self.cluster.objects["secrets", namespace, name]
        answer: dict[str, Any] = json.loads(base64.b64decode(secret["data"]["answer"]))
        return answer

    def answered(self, request: object, namespace: str = "ml") -> dict[str, Any]:
        """Return the answer to a request."""
        self.ask(request, namespace)
        self.requests.answer()
        return self.answer(namespace=namespace)

    def store(self, uid: str, texts: Mapping[str, bytes] = PLAYS, **changes: Any) -> None:
        """Store an upload, with some fields of its manifest changed, and say so in the request."""
        packing = Packing(f"v1/ml/uploads/{uid}", [(path, [text]) for path, text in texts.items()])
        for key, pieces in packing:
            self.bucket.put(key, pieces)
        data = json.dumps({**json.loads(encode_own(packing.manifest())), **changes}).encode()
        self.bucket.put(f"v1/ml/uploads/{uid}/manifest.json", data)
        self.change(stored=hashlib.sha256(data).hexdigest())

    def finish(self) -> dict[str, str]:
        """Return what the operator wrote into the request, which is then done."""
        self.requests.answer()
        data = self.data()
        self.change(done="true")
        self.requests.answer()
        return data

    def packs(self) -> list[str]:
        """Return what the bucket has of uploads that were made by a request."""
        return sorted(key for key in self.bucket.objects if "/uploads/uid-" in key)


class FakeTransfer(Transfer):
    """Sends to a bucket in memory what is signed for that."""

    def __init__(self, bucket: FakeBucket) -> None:
        self._bucket = bucket

    def get(self, url: str, _what: str, limit: int) -> bytes:
        return self._bucket.get(_key(url, "GET"), limit)

    def get_range(self, url: str, _what: str, start: int, length: int) -> bytes:
        return self._bucket.get_range(_key(url, "GET"), start, length)

    def put(self, url: str, _what: str, file: BinaryIO) -> None:
        file.seek(0)
        self._bucket.put(_key(url, "PUT"), file.read())


def _key(url: str, method: str) -> str:
    assert f"method={method}&" in url
    return url.removeprefix("https://public.example/").partition("?")[0]


def answering() -> People:
    """Return people whose operator answers each time that somebody looks for the answer."""
    people = People()

    def answer(call: str, after: bool) -> EngineError | None:
        looks = call.startswith(("GET secrets", "GET configmaps scriptmodel-request-"))
        if looks and not after:
            people.requests.answer()
        return None

    people.cluster.fault = answer
    return people


def bucket_of(people: People) -> RequestedBucket:
    return RequestedBucket(people.cluster, FakeTransfer(people.bucket), "ml")


def left(people: People) -> list[Any]:
    return [place for place in people.cluster.objects if place[2].startswith("scriptmodel-request-")]
