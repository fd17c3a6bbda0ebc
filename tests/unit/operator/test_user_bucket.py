"""The program that fetches a user's bucket: what a hostile server lists, and what becomes of a bucket that changes."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest

from scriptmodel_operator.jobs import user_bucket
from scriptmodel_operator.jobs.fetcher import BucketSource, FetchDocument
from scriptmodel_operator.jobs.manifest import parse
from tests.web import Answer, Handler, WebServer, content, redirect, status

PREFIX = "v1/ml/runs/0a/1/"
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "canary"}
MARK = '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'


@dataclass
class Bucket:
    """A bucket `plays` on a server which also takes what is stored; `wrote` runs after each object that is read."""

    server: WebServer
    objects: dict[str, bytes] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)
    pages: int = 1000
    wrote: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.server.answers["/plays/"] = self._list

    def put(self, key: str, data: bytes) -> None:
        self.objects[key] = data
        self.server.answers[f"/plays/{key}"] = lambda handler: self._get(key, handler)

    def _list(self, handler: Handler) -> None:
        query = parse_qs(urlsplit(handler.http.path).query)
        keys = sorted(key for key in self.objects if key.startswith(query.get("prefix", [""])[0]))
        start = int(query.get("continuation-token", ["0"])[0])
        entries = [
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key])}</Size>{self.stamp(key)}</Contents>"
            for key in keys[start : start + self.pages]
        ]
        after = start + self.pages
        token = f"<NextContinuationToken>{after}</NextContinuationToken>" if after < len(keys) else ""
        content(f"{MARK}{''.join(entries)}{token}</ListBucketResult>".encode())(handler)

    def _get(self, key: str, handler: Handler) -> None:
        assert "X-Amz-Signature=" in handler.http.path
        if handler.http.headers["If-Match"] != self._etag(key):
            status(412)(handler)
        else:
            content(self.objects[key])(handler)
        self.wrote()

    def stamp(self, key: str) -> str:
        return f"<ETag>{self._etag(key)}</ETag>"

    def _etag(self, key: str) -> str:
        return f'"{hashlib.md5(self.objects[key], usedforsecurity=False).hexdigest()}"'

    def sink(self, name: str) -> str:
        def take(handler: Handler) -> None:
            self.stored[name] = handler.http.rfile.read(int(handler.http.headers["Content-Length"]))
            status(200)(handler)

        self.server.answers[f"/s3/{name}"] = take
        return self.server.url(f"/s3/{name}")

    def fetch(
        self, folder: Path, before: bytes = b"", url: str = "s3://plays", hosts: Sequence[str] = ("127.0.0.1",)
    ) -> Mapping[str, str]:
        self.stored.clear()
        packs = [self.sink(f"pack-{number:04}") for number in range(3)]
        self.server.answers["/before"] = content(before)
        known = hashlib.sha256(before).hexdigest() if before else ""
        source = BucketSource(url, known, self.server.url("/before"), packs, self.sink("listing"))
        document = FetchDocument([], hosts, 60.0, self.sink("manifest.json"), self.sink("errors.json"), source)
        environment = {**KEYS, "AWS_ENDPOINT_URL": self.server.url("")}
        return asyncio.run(user_bucket.fetch(document, source, folder, lambda _line: None, environment))

    def problem(self, folder: Path, url: str = "s3://plays", hosts: Sequence[str] = ("127.0.0.1",)) -> str:
        errors = self.fetch(folder, url=url, hosts=hosts)
        assert json.loads(self.stored["errors.json"]) == errors
        assert {"listing", "manifest.json"}.isdisjoint(self.stored)
        return errors[""]

    @property
    def files(self) -> dict[str, bytes]:
        manifest = parse(self.stored["manifest.json"], prefix=PREFIX)
        packs = [self.stored[pack.key.removeprefix(PREFIX)] for pack in manifest.packs]
        assert [hashlib.sha256(pack).hexdigest() for pack in packs] == [pack.sha256 for pack in manifest.packs]
        return {each.path: packs[each.pack][each.offset : each.offset + each.size] for each in manifest.files}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    monkeypatch.setattr(user_bucket, "MAX_PACK_BYTES", 10)
    monkeypatch.setattr(user_bucket, "MOST_BYTES", 100)
    monkeypatch.setattr(user_bucket, "MOST_OBJECTS", 9)
    with WebServer() as server:
        yield Bucket(server)


def test_objects_below_a_path_are_stored_in_few_packs(bucket: Bucket, tmp_path: Path) -> None:
    plays = {"lear.txt": b"LEAR: Howl!", "acts/one.txt": b"ONE", "acts/two.txt": b"TWO", "acts/x.txt": b"THREE"}
    for path, data in plays.items():
        bucket.put(f"shaw/{path}", data)
    for key in ("shawshank.txt", "shaw/.hidden", "shaw/.git/x", "shaw/acts/", "shaw/empty"):
        bucket.put(key, b"" if key.endswith(("/", "empty")) else b"no")
    bucket.pages = 2
    assert bucket.fetch(tmp_path, url="s3://plays/shaw/") == {}
    assert bucket.files == {f"/{path}": data for path, data in plays.items()}
    assert [len(bucket.stored[f"pack-{number:04}"]) for number in range(3)] == [6, 5, 11]


def test_nothing_is_read_while_the_listing_is_known(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("lear.txt", b"LEAR: Howl!")
    bucket.fetch(tmp_path)
    known = bucket.stored["listing"]
    bucket.server.requested.clear()
    assert bucket.fetch(tmp_path, known) == {}
    assert bucket.stored == {"listing": known}
    assert {path.partition("?")[0] for path in bucket.server.requested} == {"/plays/", "/s3/listing"}
    bucket.put("lear.txt", b"LEAR: Never")
    bucket.fetch(tmp_path, known)
    assert bucket.files == {"/lear.txt": b"LEAR: Never"}
    assert bucket.stored["listing"] != known


def test_only_what_differs_from_the_known_listing_is_read(bucket: Bucket, tmp_path: Path) -> None:
    for name in ("hamlet.txt", "lear.txt", "macbeth.txt"):
        bucket.put(f"shaw/{name}", b"1")
    bucket.fetch(tmp_path, url="s3://plays/shaw")
    known = bucket.stored["listing"]
    bucket.put("shaw/lear.txt", b"2")
    del bucket.objects["shaw/macbeth.txt"]
    bucket.fetch(tmp_path, known, url="s3://plays/shaw")
    assert bucket.files == {"/lear.txt": b"2"}
    paths = [path for path, _size, _etag in json.loads(bucket.stored["listing"])]
    assert paths == ["/hamlet.txt", "/lear.txt"]


def test_without_an_etag_the_time_of_a_change_is_that_of_the_object(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("lear.txt", b"LEAR")
    bucket.server.answers["/plays/lear.txt"] = content(b"LEAR")
    listings = []
    for at in ("2026-01-01", "2026-01-01", "2026-01-02"):
        monkeypatch.setattr(bucket, "stamp", lambda _key, at=at: f"<ETag/><LastModified>{at}</LastModified>")
        assert bucket.fetch(tmp_path) == {}
        listings.append(bucket.stored["listing"])
    assert listings[0] == listings[1] != listings[2]


@pytest.mark.parametrize("key", ["lear.txt", "hamlet.txt", "new.txt"])
def test_a_change_while_it_is_fetched_starts_over(bucket: Bucket, tmp_path: Path, key: str) -> None:
    """Whether the object was read already, is to be read, or did not exist."""
    bucket.put("hamlet.txt", b"HAMLET: To be")
    bucket.put("lear.txt", b"LEAR: Howl!")

    def change() -> None:
        bucket.wrote = lambda: None
        bucket.put(key, b"changed")

    bucket.wrote = change
    assert bucket.fetch(tmp_path) == {}
    assert bucket.files == {f"/{name}": data for name, data in bucket.objects.items()}
    assert bucket.files[f"/{key}"] == b"changed"


def test_a_bucket_that_changes_without_end_is_reported(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("lear.txt", b"0")
    bucket.wrote = lambda: bucket.put("lear.txt", bucket.objects["lear.txt"] + b"1")
    assert bucket.problem(tmp_path) == "it changed 3 times while it was fetched: write to it less often"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ([], "it has no objects with bytes there: put scripts into it"),
        (["a//b"], "the key 'a//b' is not that of a file: rename the object"),
        (["a/"], "the key 'a/' is not that of a file"),
        (["x" * 2000], "is not that of a file"),
        (["acts", "acts/one"], "'acts' is an object and a folder"),
        (["a\x01b"], "is there a control character in a key?"),
        (["txt.\u202etelmah"], "the key 'txt.\\u202etelmah' is not that of a file"),
        ([f"{number:02}" for number in range(10)], "it has more than 9 objects: name a path with fewer"),
    ],
)
def test_keys_that_cannot_be_files_are_reported(bucket: Bucket, tmp_path: Path, keys: list[str], words: str) -> None:
    for key in keys:
        bucket.put(key, b"x")
    assert words in bucket.problem(tmp_path)


@pytest.mark.parametrize(("size", "words"), [(101, "'a' has more than 100 bytes"), (10, "more than 3 packs take")])
def test_too_large_a_bucket_is_reported_before_it_is_read(
    bucket: Bucket, tmp_path: Path, size: int, words: str
) -> None:
    for key in "a" if size > 100 else "abcd":
        bucket.put(key, size * b"x")
    assert words in bucket.problem(tmp_path)
    assert not [path for path in bucket.server.requested if path.startswith("/plays/a")]


DENIED = b"<Error><Code>AccessDenied</Code><Message>not for you</Message><Secret>canary</Secret></Error>"


def _denied(handler: Handler) -> None:
    handler.start(403, {"Content-Length": str(len(DENIED))})
    handler.write(DENIED)


def entry(size: object) -> str:
    return f"<Contents><Key>lear.txt</Key><Size>{size}</Size><ETag>1</ETag></Contents>"


def listing(entries: str) -> bytes:
    return f"{MARK}{entries}</ListBucketResult>".encode()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (_denied, "it cannot be listed: 403 AccessDenied: not for you; check AWS_ENDPOINT_URL, AWS_REGION and keys"),
        (status(404), "404 Not Found"),
        (redirect("http://169.254.169.254/latest"), "a host that is not allowed"),
        (content(b"<html>"), "it cannot be listed"),
        (content(b'<!DOCTYPE x [<!ENTITY a "aaa">]><x>&a;</x>'), "the answer is not that of an S3 server"),
        (
            content('<!DOCTYPE x [<!ENTITY a "aaa">]><x>&a;</x>'.encode("utf-16")),
            "the answer is not that of an S3 server",
        ),
        (content('<!DOCTYPE x [<!ENTITY a "aaa">]><x>&a;</x>'.encode("utf-16-le")), "it cannot be listed"),
        (content(listing(2 * entry(1))), "the answer is not that of an S3 server: it has a key twice"),
        (content(listing(entry("٣"))), "the answer is not that of an S3 server"),
        (content(f"{MARK}<Contents/></ListBucketResult>".encode()), "the answer is not that of an S3 server"),
        (content(b"x" * (8 << 20) + b"x"), "the answer is not that of an S3 server"),
    ],
)
def test_a_server_that_lists_nothing_is_reported(bucket: Bucket, tmp_path: Path, answer: Answer, words: str) -> None:
    bucket.server.answers["/plays/"] = answer
    found = bucket.problem(tmp_path)
    assert words in found
    assert "canary" not in found


def test_an_object_that_cannot_be_read_is_named(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("lear.txt", b"LEAR")
    bucket.server.answers["/plays/lear.txt"] = _denied
    assert bucket.problem(tmp_path) == "'lear.txt': 403 AccessDenied: not for you"


def test_the_server_must_be_a_host_that_policy_allows(bucket: Bucket, tmp_path: Path) -> None:
    assert "have the operator run with --allow-download 127.0.0.1" in bucket.problem(tmp_path, hosts=["s3.example"])
    assert "127.0.0.1 has a private address" in bucket.problem(tmp_path, hosts=["*"])
    assert bucket.server.requested == ["/s3/errors.json"] * 2


@pytest.mark.parametrize("endpoint", ["s3.example", "https://me:word@s3.example", "https://s3.example?x"])
def test_an_endpoint_is_an_address(endpoint: str) -> None:
    with pytest.raises(user_bucket.FetchError, match="AWS_ENDPOINT_URL of the Secret is not"):
        user_bucket.S3.of("s3://plays", {**KEYS, "AWS_ENDPOINT_URL": endpoint})


def test_a_session_and_a_region_are_part_of_what_is_signed() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    s3 = user_bucket.S3.of("s3://plays/shaw", {**KEYS, "AWS_REGION": "eu-west-1", "AWS_SESSION_TOKEN": "a/b="})
    url = urlsplit(s3.signed("shaw/ä b+.txt", {}, at))
    assert (url.netloc, unquote(url.path)) == ("s3.eu-west-1.amazonaws.com", "/plays/shaw/ä b+.txt")
    assert "+" not in url.path
    query = parse_qs(url.query)
    assert query["X-Amz-Credential"] == ["key/20260102/eu-west-1/s3/aws4_request"]
    assert query["X-Amz-Security-Token"] == ["a/b="]
    other = replace(s3, token="c").signed("shaw/ä b+.txt", {}, at)  # noqa: S106 - it opens nothing
    assert parse_qs(urlsplit(other).query)["X-Amz-Signature"] != query["X-Amz-Signature"]
