"""A bucket in memory behaves as each does; what is not S3, or does not answer, is reported as it is."""

from __future__ import annotations

import socket

import pytest
from obstore.store import MemoryStore

from scriptmodel_operator.engine.errors import AccessError, EngineError, NotFoundError, RefusedError, UnavailableError
from scriptmodel_operator.jobs.bucket import ObstoreBucket, open_bucket
from scriptmodel_operator.jobs.storage import StorageConfig
from tests.bucket_behaviour import BucketBehaviour
from tests.web import Handler, WebServer

SIGNED = "AKIDEXAMPLE AWS4-HMAC-SHA256 5d672d79"


@pytest.fixture
def bucket() -> ObstoreBucket:
    return ObstoreBucket(MemoryStore(), "s3://plays/team")


class TestInMemory(BucketBehaviour):
    pass


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very secret")


def bucket_at(endpoint: str, public: str = "") -> ObstoreBucket:
    return open_bucket(StorageConfig(storage="s3://plays/team", storage_endpoint=endpoint, storage_public_url=public))


@pytest.mark.parametrize(
    ("status", "code", "kind", "text"),
    [
        (404, "NoSuchKey", NotFoundError, "NoSuchKey: see there"),
        (404, "NoSuchBucket", UnavailableError, "NoSuchBucket: see there"),
        (404, "", UnavailableError, "Server returned non-2xx status code: 404 Not Found"),
        (403, "SignatureDoesNotMatch", AccessError, "SignatureDoesNotMatch: see there"),
        (401, "", AccessError, "status code: 401"),
        (400, "InvalidRequest", RefusedError, "InvalidRequest: see there"),
        (429, "SlowDown", UnavailableError, "SlowDown: see there"),
        (507, "InsufficientStorage", UnavailableError, "InsufficientStorage: see there"),
    ],
)
def test_an_answer_of_the_bucket_becomes_an_error_that_names_the_key(
    status: int, code: str, kind: type[EngineError], text: str
) -> None:
    """Neither a bucket that is gone nor a proxy that knows no bucket looks like an object that does not exist."""
    body = f"<Error><Code>{code}</Code><Message>see there</Message><StringToSign>{SIGNED}</StringToSign></Error>"

    def answer(to: Handler) -> None:
        to.start(status, {"Content-Type": "application/xml"})
        to.write(f'<?xml version="1.0"?>\n{body}'.encode() if code else b"not here")

    with WebServer({"/plays/team/v1/x": answer}) as server, pytest.raises(kind) as failed:
        bucket_at(server.url("")).get("v1/x", 100)
    assert str(failed.value).startswith("reading v1/x in s3://plays/team: ")
    assert text in str(failed.value)
    assert not any(secret in str(failed.value) for secret in (*SIGNED.split(), "very secret", "http://"))


def test_requests_are_counted_by_what_they_do_and_signatures_are_none() -> None:
    called: list[tuple[str, str]] = []
    bucket = ObstoreBucket(MemoryStore(), "s3://plays", called=lambda *call: called.append(call[:2]))
    bucket.put("a", b"1")
    bucket.sizes("v1")
    with pytest.raises(NotFoundError):
        bucket.get("b", 1)
    with pytest.raises(RefusedError):
        bucket.get("a", 0)
    open_bucket(StorageConfig(storage="s3://plays"), lambda *call: called.append(call[:2])).sign("GET", ["a"], 60)
    assert called == [("writing", "OK"), ("listing", "OK"), ("reading", "NOT_FOUND"), ("reading", "INVALID_ARGUMENT")]


def test_an_answer_of_503_is_tried_again() -> None:
    statuses = iter([503, 503, 200])

    def answer(to: Handler) -> None:
        to.start(
            next(statuses), {"Content-Length": "4", "ETag": '"1"', "Last-Modified": "Tue, 01 Dec 2026 00:00:00 GMT"}
        )
        to.write(b"text")

    with WebServer({"/plays/team/v1/x": answer}) as server:
        assert bucket_at(server.url("")).get("v1/x", 100) == b"text"


def test_a_bucket_that_does_not_accept_a_connection_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        away = bucket_at(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(UnavailableError, match=r"^listing v1 in s3://plays/team: .*Connection refused"):
            away.sizes("v1")


def test_a_bucket_that_never_answers_is_unavailable() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        away = bucket_at(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(UnavailableError, match=r"^reading v1/x in s3://plays/team: .*TimedOut"):
            away.get("v1/x", 1)


def test_half_of_the_credentials_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(AccessError, match=r"^opening s3://plays/team: .*Missing SecretAccessKey"):
        bucket_at("http://127.0.0.1:1")


def test_people_get_urls_of_the_public_address() -> None:
    bucket = bucket_at("http://s3.scriptmodel:7070", "https://s3.example.com")
    inner, outer = (bucket.sign("PUT", ["v1/ml/a b"], 60, public=public)[0] for public in (False, True))
    assert inner.startswith("http://s3.scriptmodel:7070/plays/team/v1/ml/a%20b?")
    assert outer.startswith("https://s3.example.com/plays/team/v1/ml/a%20b?")
    assert "X-Amz-Expires=60&" in outer
    assert bucket_at("http://s3:1").sign("GET", ["x"], 60, public=True)[0].startswith("http://s3:1/plays/team/x?")


def test_without_an_endpoint_the_bucket_is_that_of_aws() -> None:
    assert bucket_at("").sign("GET", ["x"], 60)[0].startswith("https://s3.us-east-1.amazonaws.com/plays/team/x?")
