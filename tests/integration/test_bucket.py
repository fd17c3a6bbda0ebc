"""A bucket of a real S3 server behaves as each does, and serves what was signed to whoever has no credentials."""

from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from dev.stack.s3 import S3Server
from scriptmodel_operator.installation import check_bucket
from scriptmodel_operator.jobs.bucket import ObstoreBucket, open_bucket
from scriptmodel_operator.jobs.storage import StorageConfig
from scriptmodel_operator.jobs.store import engine_id
from tests.bucket_behaviour import BucketBehaviour


@pytest.fixture
def bucket(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> ObstoreBucket:
    for name, value in s3.credentials.items():
        monkeypatch.setenv(name, value)
    return open_bucket(StorageConfig(storage=f"{s3.url}/{uuid4().hex}", storage_endpoint=s3.endpoint))


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
