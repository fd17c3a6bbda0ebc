"""A bucket in memory behaves as each does; what is not S3, or does not answer, is reported as it is."""

import asyncio
import json
import socket
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import obstore
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from obstore.store import MemoryStore

from scriptmodel_operator.engine.errors import AccessError, EngineError, NotFoundError, RefusedError, UnavailableError
from scriptmodel_operator.jobs import bucket as module
from scriptmodel_operator.jobs.bucket import ObstoreBucket, open_bucket
from scriptmodel_operator.jobs.storage import StorageConfig
from scriptmodel_operator.jobs.store import engine_id
from tests.bucket_behaviour import BucketBehaviour
from tests.lease import Lease
from tests.web import Handler, WebServer, content

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
        (404, "BlobNotFound", NotFoundError, "BlobNotFound: see there"),
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
    assert "credentials" in getattr(failed.value, "advice", "credentials")
    assert not any(secret in str(failed.value) for secret in (*SIGNED.split(), "very secret", "http://"))


def test_a_bucket_that_never_answers_is_unavailable() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        away = bucket_at(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(UnavailableError, match=r"^reading v1/x in s3://plays/team: .*TimedOut"):
            away.get("v1/x", 1)


def test_a_session_signs_for_as_long_as_it_lasts_and_is_renewed_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The identity of a pod at Amazon: an agent on the node answers with the keys of a session."""
    sessions = iter(range(9))

    def answer(to: Handler) -> None:
        assert to.http.headers["Authorization"] == "of the pod"
        expires = datetime.now(UTC) + timedelta(hours=1)
        keys = {"AccessKeyId": "key", "SecretAccessKey": "secret", "Token": f"session {next(sessions)}"}
        content(json.dumps({**keys, "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}).encode())(to)

    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    now = 1000.0
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    with WebServer({"/keys": answer}) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url("/keys"))
        (tmp_path / "token").write_text("of the pod")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
        bucket = bucket_at("")

        def signed(seconds: float) -> tuple[str, str]:
            query = parse_qs(urlsplit(bucket.sign("PUT", ["x"], seconds)[0]).query)
            return query["X-Amz-Security-Token"][0], query["X-Amz-Expires"][0]

        assert [signed(60), signed(7 * 24 * 3600)] == [("session 0", "60"), ("session 0", "2700")]
        now += 15 * 60
        assert signed(3600) == ("session 1", "2700")
    assert bucket.longest == 2700


def test_urls_of_google_are_signed_with_the_key_of_a_service_account(monkeypatch: pytest.MonkeyPatch) -> None:
    private = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key = {"private_key": private.decode(), "private_key_id": "1", "client_email": "x@p.iam.gserviceaccount.com"}
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", json.dumps(key))
    bucket = open_bucket(StorageConfig(storage="gs://my_plays/team"))
    (url,) = bucket.sign("PUT", ["v1/a b"], 3600)
    assert url.startswith("https://storage.googleapis.com/my_plays/team/v1/a%20b?X-Goog-Algorithm=GOOG4-RSA-SHA256&")
    assert "X-Goog-Expires=3600&" in url
    with pytest.raises(AccessError, match=r"^opening gs://plays: .*endpoint"):
        open_bucket(StorageConfig(storage="gs://plays", storage_endpoint="https://s3.example"))


def test_urls_of_azure_are_signed_with_the_key_of_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "drama")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0")
    (url,) = open_bucket(StorageConfig(storage="az://plays/team")).sign("PUT", ["v1/a b"], 3600)
    assert url.startswith("https://drama.blob.core.windows.net/plays/team/v1/a%20b?")
    assert {"sp", "se", "sig"} <= parse_qs(urlsplit(url).query).keys()


def test_all_are_deleted_where_a_missing_one_is_an_error(
    bucket: ObstoreBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at Azure."""
    for key in "ac":
        bucket.put(key, b"")
    delete = obstore.delete

    def strict(store: MemoryStore, keys: str | list[str]) -> None:
        for key in [keys] if isinstance(keys, str) else keys:
            obstore.head(store, key)
            delete(store, key)

    monkeypatch.setattr(obstore, "delete", strict)
    bucket.delete(["a", "b", "c"])
    assert bucket.sizes("") == {}


@pytest.mark.parametrize("refuses", [True, False], ids=["501", "ignored"])
def test_a_bucket_that_stores_over_what_exists_becomes_no_engine(refuses: bool) -> None:
    """Two operators that start at once would each be sure of an id of its own."""
    objects: dict[str, bytes] = {}

    class Server(WebServer):
        def _answer(self, request: BaseHTTPRequestHandler) -> None:
            to, method, status, text = Handler(request, self.stopping), request.command, 200, b""
            if method == "POST" or (method == "PUT" and refuses and request.headers["If-None-Match"]):
                status, text = 501, b"<Error><Code>NotImplemented</Code><Message>a header</Message></Error>"
            elif method == "PUT":
                objects[request.path] = request.rfile.read(int(request.headers["Content-Length"]))
            elif method == "DELETE":
                del objects[request.path]
            else:
                status, text = 404, b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>"
            to.start(status, {"Content-Length": str(len(text)), "ETag": '"1"'})
            to.write(text)

    with Server() as server, pytest.raises(RefusedError, match=r"in s3://plays/team: .*conditional writes"):
        engine_id(bucket_at(server.url("")))
    assert not objects


def test_people_get_urls_of_the_public_address() -> None:
    bucket = bucket_at("http://s3.scriptmodel:7070", "https://s3.example.com")
    inner, outer = (bucket.sign("PUT", ["v1/ml/a b"], 60, public=public)[0] for public in (False, True))
    assert inner.startswith("http://s3.scriptmodel:7070/plays/team/v1/ml/a%20b?")
    assert outer.startswith("https://s3.example.com/plays/team/v1/ml/a%20b?")
    assert "X-Amz-Expires=60&" in outer
    assert bucket_at("http://s3:1").sign("GET", ["x"], 60, public=True)[0].startswith("http://s3:1/plays/team/x?")


def test_who_does_not_lead_changes_nothing_and_reads() -> None:
    store, lease = MemoryStore(), Lease(10.0)
    bucket = ObstoreBucket(store, "s3://plays", leadership=lease)
    bucket.put("a", b"A")
    lease.remaining = 0.0
    for change in (
        lambda: bucket.put("b", b"B"),
        lambda: bucket.create("c", b"C", 10),
        lambda: bucket.copy("a", "d"),
        lambda: bucket.delete(["a"]),
    ):
        with pytest.raises(UnavailableError, match="this process does not lead"):
            change()
    assert bucket.get("a", 10) == b"A"
    assert bucket.sizes("") == {"a": 1}


def test_a_change_in_progress_ends_with_the_leadership(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is withdrawn, so none is sent again once another process leads."""
    monkeypatch.setattr(module, "_CHECK_SECONDS", 0.01)
    lease, ended = Lease(10.0), list[str]()

    async def endless(*_: object) -> None:
        lease.remaining = 0.0
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("the request")

    monkeypatch.setattr(obstore, "delete_async", endless)
    with pytest.raises(UnavailableError, match="this process does not lead"):
        ObstoreBucket(MemoryStore(), "s3://plays", leadership=lease).delete(["a"])
    assert ended == ["the request"]
