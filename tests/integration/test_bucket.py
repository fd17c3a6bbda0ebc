"""Buckets of a real S3 server, which checks what is signed: the operator's own, and that of a user with a corpus."""

import asyncio
import hashlib
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from dev.stack.s3 import S3Server
from scriptmodel_operator.installation import check_bucket
from scriptmodel_operator.jobs import user_bucket
from scriptmodel_operator.jobs.bucket import ObstoreBucket, open_bucket
from scriptmodel_operator.jobs.fetcher import BucketSource, FetchDocument
from scriptmodel_operator.jobs.manifest import parse
from scriptmodel_operator.jobs.storage import StorageConfig
from scriptmodel_operator.jobs.store import Versions, engine_id
from tests.bucket_behaviour import BucketBehaviour

PREFIX = "v1/ml/runs/0a/1/"


@pytest.fixture
def url(s3: S3Server) -> str:
    return f"{s3.url}/{uuid4().hex}"


@pytest.fixture
def bucket(s3: S3Server, url: str, monkeypatch: pytest.MonkeyPatch) -> ObstoreBucket:
    for name, value in s3.credentials.items():
        monkeypatch.setenv(name, value)
    return open_bucket(StorageConfig(storage=url, storage_endpoint=s3.endpoint))


class TestOfVersitygw(BucketBehaviour):
    pass


def answer(method: str, url: str, data: bytes | None = None) -> tuple[int, bytes]:
    """Return status and body of the answer to a request without credentials."""
    where = urlsplit(url)
    with closing(HTTPConnection(where.netloc, timeout=10)) as connection:
        connection.request(method, f"{where.path}?{where.query}", data)
        got = connection.getresponse()
        return got.status, got.read()


def test_a_presigned_url_reads_or_writes_one_object(bucket: ObstoreBucket) -> None:
    (write,) = bucket.sign("PUT", ["v1/ml/runs/1/1/pack-0000"], 60)
    (read,) = bucket.sign("GET", ["v1/ml/runs/1/1/pack-0000"], 60)
    assert answer("PUT", write, b"to be")[0] == 200
    assert answer("GET", read) == (200, b"to be")
    assert bucket.get("v1/ml/runs/1/1/pack-0000", 5) == b"to be"


@pytest.mark.parametrize(
    ("method", "changed", "to"),
    [("PUT", "", ""), ("DELETE", "", ""), ("GET", "pack-0000", "pack-0001"), ("GET", "Expires=60", "Expires=600")],
)
def test_a_presigned_url_serves_for_nothing_else(bucket: ObstoreBucket, method: str, changed: str, to: str) -> None:
    for number in range(2):
        bucket.put(f"v1/ml/runs/1/1/pack-000{number}", b"secret")
    (read,) = bucket.sign("GET", ["v1/ml/runs/1/1/pack-0000"], 60)
    assert answer(method, read.replace(changed, to), b"x" if method == "PUT" else None)[0] == 403
    assert sorted(bucket.sizes("v1/ml/runs/1/1").values()) == [6, 6]


def test_a_bucket_that_may_be_written_passes_the_check_and_loses_nothing(s3: S3Server, bucket: ObstoreBucket) -> None:
    config = StorageConfig(storage=f"{s3.url}/{uuid4().hex}", storage_endpoint=s3.endpoint)
    corpora = [f"v1/{namespace}/uploads/1/pack-0000" for namespace in ("check", "v1", "a")]
    for corpus in corpora:
        open_bucket(config).put(corpus, b"a play")
    assert [*check_bucket(config)] == [
        f"ok      {config.storage} answers; it holds {engine_id(open_bucket(config))}",
        "ok      it lets the operator write, list and delete objects",
    ]
    assert set(open_bucket(config).sizes("")) == {"v1/engine.json", *corpora}


def fetch(
    s3: S3Server, bucket: ObstoreBucket, url: str, path: str, folder: Path, known: bytes = b"", **changed: str
) -> Mapping[str, str]:
    """Fetch what is below a path of the bucket into an attempt of the same bucket."""
    names = [f"{PREFIX}{name}" for name in ("pack-0000", "manifest.json", "errors.json", "listing")]
    pack, manifest, errors, listing = bucket.sign("PUT", names, 60)
    (before,) = bucket.sign("GET", ["v1/ml/runs/0a/listing"], 60)
    bucket.put("v1/ml/runs/0a/listing", known)
    digest = hashlib.sha256(known).hexdigest() if known else ""
    source = BucketSource(f"{url}/{path}", digest, before, [pack], listing)
    document = FetchDocument([], ["127.0.0.1"], 60.0, manifest, errors, source)
    environment = {**s3.credentials, "AWS_REGION": s3.region, "AWS_ENDPOINT_URL": s3.endpoint, **changed}
    return asyncio.run(user_bucket.fetch(document, source, folder, lambda _line: None, environment))


def test_objects_become_a_version_and_are_fetched_again_only_after_a_change(
    s3: S3Server, bucket: ObstoreBucket, url: str, tmp_path: Path
) -> None:
    plays = {"lear.txt": b"LEAR: Howl!", "acts/one & two.txt": b"ONE", "acts/über+x%41~.txt": b"TWO"}
    for name, data in plays.items():
        bucket.put(f"shaw/{name}", data)
    bucket.put("shaw/.hidden", b"no")
    assert fetch(s3, bucket, url, "shaw/", tmp_path) == {}
    manifest = parse(bucket.get(f"{PREFIX}manifest.json", 1 << 20), prefix=PREFIX)
    versions = Versions(bucket)
    versions.check_sizes(manifest)
    assert {path[1:]: data for path, data in versions.read_files(manifest, "*", 99).items()} == plays

    known = bucket.get(f"{PREFIX}listing", 999)
    bucket.delete([f"{PREFIX}manifest.json"])
    assert fetch(s3, bucket, url, "shaw", tmp_path, known) == {}
    assert f"{PREFIX}manifest.json" not in bucket.sizes(PREFIX)
    bucket.put("shaw/lear.txt", b"LEAR: Never")
    assert fetch(s3, bucket, url, "shaw", tmp_path, known) == {}
    changed = parse(bucket.get(f"{PREFIX}manifest.json", 1 << 20), prefix=PREFIX)
    assert versions.read_files(changed, "*", 99) == {"/lear.txt": b"LEAR: Never"}


def test_a_long_listing_has_several_pages(s3: S3Server, bucket: ObstoreBucket, url: str, tmp_path: Path) -> None:
    for number in range(1001):
        bucket.put(f"many/{number}", b"x")
    fetch(s3, bucket, url, "many", tmp_path)
    assert len(parse(bucket.get(f"{PREFIX}manifest.json", 1 << 20), prefix=PREFIX).files) == 1001


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "403 SignatureDoesNotMatch"),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "404 XAdminUserNotFound"),
        ({"AWS_REGION": "mars-1"}, "400 AuthorizationQueryParametersError"),
    ],
)
def test_wrong_credentials_are_reported_as_the_server_says(
    s3: S3Server, bucket: ObstoreBucket, url: str, tmp_path: Path, changed: Mapping[str, str], words: str
) -> None:
    bucket.put("shaw/lear.txt", b"LEAR")
    found = fetch(s3, bucket, url, "shaw", tmp_path, **changed)[""]
    assert found.startswith(f"it cannot be listed: {words}"), found
