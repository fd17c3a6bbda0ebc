"""The program that fetches a corpus: what hostile web servers answer, and what it stores in the bucket."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner

from scriptmodel_operator.cli import main
from scriptmodel_operator.jobs import fetcher
from scriptmodel_operator.jobs.fetcher import FetchDocument, Source, StoreError
from scriptmodel_operator.jobs.manifest import parse
from tests.web import Answer, Handler, WebServer, content, redirect, silence, status

PREFIX = "v1/ml/runs/0a/1/"
HAMLET, LEAR = b"HAMLET: To be.\n", b"LEAR: Howl!\n"
SOME_BYTES = 1 << 20


class Bucket:
    """Answers that store what is put below `/s3/`; `fails` has statuses to answer before."""

    def __init__(self, server: WebServer) -> None:
        self.server, self.objects, self.fails = server, dict[str, bytes](), list[int]()

    def url(self, name: str) -> str:
        self.server.answers[f"/s3/{name}"] = lambda handler: self._store(name, handler)
        return self.server.url(f"/s3/{name}?signature=a%2Fb")

    def _store(self, name: str, handler: Handler) -> None:
        data = handler.http.rfile.read(int(handler.http.headers["Content-Length"]))
        if self.fails:
            status(self.fails.pop())(handler)
            return
        assert self.server.requested[-1] == f"/s3/{name}?signature=a%2Fb", "as it was signed"
        self.objects[name] = data
        status(200)(handler)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setattr(fetcher, "_PAUSES", (0.0, 0.0))
    monkeypatch.setattr(fetcher, "MOST_BYTES", SOME_BYTES)
    with WebServer() as running:
        yield running


@pytest.fixture
def bucket(server: WebServer) -> Bucket:
    return Bucket(server)


def document(bucket: Bucket, *urls: str, hosts: Sequence[str] = ("127.0.0.1",), seconds: float = 60) -> FetchDocument:
    files = [
        Source(f"/{url.partition('?')[0].rpartition('/')[2]}", url, bucket.url(f"pack-{number:04}"))
        for number, url in enumerate(urls)
    ]
    return FetchDocument(files, hosts, seconds, bucket.url("manifest.json"), bucket.url("errors.json"))


def fetched(given: FetchDocument, folder: Path) -> Mapping[str, str]:
    return asyncio.run(fetcher.fetch(given, folder, lambda _line: None))


def files(bucket: Bucket) -> dict[str, bytes]:
    """The files of the manifest that is stored, as the operator reads it."""
    manifest = parse(bucket.objects["manifest.json"], prefix=PREFIX)
    packs = [bucket.objects[pack.key.removeprefix(PREFIX)] for pack in manifest.packs]
    assert [len(pack) for pack in packs] == [pack.size for pack in manifest.packs]
    return {each.path: packs[each.pack][each.offset : each.offset + each.size] for each in manifest.files}


def test_files_are_stored_as_they_are_and_redirects_are_followed(
    server: WebServer, bucket: Bucket, tmp_path: Path
) -> None:
    server.answers |= {"/lear.txt": redirect("/b/moved"), "/b/moved": content(LEAR), "/empty": content(b"")}
    server.answers["/a/hamlet.gz"] = lambda to: (
        to.start(200, {"Content-Length": "15", "Content-Encoding": "gzip"}),
        to.write(HAMLET),
    )[0]
    paths = ("/lear.txt", "/a/hamlet.gz?key=a%2Fb", "/empty")
    assert fetched(document(bucket, *map(server.url, paths)), tmp_path) == {}
    assert files(bucket) == {"/empty": b"", "/hamlet.gz": HAMLET, "/lear.txt": LEAR}
    assert "/a/hamlet.gz?key=a%2Fb" in server.requested
    assert "errors.json" not in bucket.objects


def _breaks_off(handler: Handler) -> None:
    handler.start(200, {"Content-Length": "1000"})
    handler.write(b"HAMLET: To be or")


def _breaks_off_a_chunk(handler: Handler) -> None:
    handler.start(200, {"Transfer-Encoding": "chunked"})
    handler.write(b"64\r\nHAMLET")


def _never_ends(handler: Handler) -> None:
    handler.start(200)
    while not handler.stopping.is_set():
        handler.write(bytes(SOME_BYTES))


def _announces_much(handler: Handler) -> None:
    handler.start(200, {"Content-Length": str(SOME_BYTES + 1)})
    handler.write(b"H")
    silence(handler)


def _no_http(handler: Handler) -> None:
    handler.http.wfile.write(b"220 ftp.example.com ready\r\n")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (status(404), "404 Not Found"),
        (status(503), "503 Service Unavailable"),
        (_breaks_off, "unexpected EOF after 16 of 1000 bytes"),
        (_breaks_off_a_chunk, "unexpected EOF after 6 bytes"),
        (_never_ends, f"it has more than {SOME_BYTES} bytes"),
        (_announces_much, f"it has more than {SOME_BYTES} bytes"),
        (_no_http, "Bad status line"),
        (redirect("/lost"), "it redirects more than 10 times"),
        (status(302), "it redirects more than 10 times"),
        (redirect("http://[?canary"), "Invalid"),
        (redirect("http://2130706433/?canary"), "a host that is not allowed"),
        (redirect("file:///etc/passwd"), "'file:///etc/passwd', which is neither http nor https"),
        (redirect("http://localhost:1/x?canary"), "have the operator run with --allow-download localhost"),
        (redirect("http://127.0.0.2:1/"), "have the operator run with --allow-download 127.0.0.2"),
        (redirect("//user:canary@other.example/"), "a host that is not allowed"),
    ],
)
def test_a_file_that_cannot_be_fetched_is_reported_and_nothing_else_is_stored(
    server: WebServer, bucket: Bucket, tmp_path: Path, answer: Answer, words: str
) -> None:
    server.answers |= {"/lost": answer, "/lear.txt": content(LEAR)}
    errors = fetched(document(bucket, server.url("/lost?token=canary"), server.url("/lear.txt")), tmp_path)
    assert set(errors) == {"/lost"}
    assert words in errors["/lost"]
    assert "canary" not in errors["/lost"].replace("user:canary@", "")
    assert bucket.objects.keys() == {"errors.json"}
    assert json.loads(bucket.objects["errors.json"]) == errors


def test_a_server_that_is_silent_ends_by_the_time_for_a_file(server: WebServer, bucket: Bucket, tmp_path: Path) -> None:
    server.answers["/silent"] = silence
    errors = fetched(document(bucket, server.url("/silent"), seconds=0.2), tmp_path)
    assert errors == {"/silent": "it was not complete after 0.2 s (--download-timeout)"}


PRIVATE = ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "[fe80::1]", "[::10.0.0.1]", "[fec0::1]"]
NUMBERS = ["127.1", "2130706433", "0x7f000001", "0177.0.0.1"]
TRANSLATED = ["[64:ff9b::a00:1]", "[64:ff9b::7f00:1]", "[2002:a00:1::]"]


@pytest.mark.parametrize("host", PRIVATE + TRANSLATED)
def test_where_all_hosts_are_allowed_a_private_address_must_be_named(
    server: WebServer, bucket: Bucket, tmp_path: Path, host: str
) -> None:
    errors = fetched(document(bucket, server.url("/x", host), hosts=["*"]), tmp_path)
    assert "has a private address: have the operator run with --allow-download" in errors["/x"]
    assert "/x" not in server.requested


@pytest.mark.parametrize("host", NUMBERS)
def test_a_number_is_no_host(server: WebServer, bucket: Bucket, tmp_path: Path, host: str) -> None:
    assert fetched(document(bucket, server.url("/x", host), hosts=["*"]), tmp_path)["/x"]
    assert "/x" not in server.requested


def test_a_named_host_may_have_a_private_address(server: WebServer, bucket: Bucket, tmp_path: Path) -> None:
    server.answers["/x"] = content(LEAR)
    assert fetched(document(bucket, server.url("/x", "LocalHost"), hosts=["*", "localhost"]), tmp_path) == {}


def test_a_bucket_that_is_away_for_a_moment_is_tried_again(server: WebServer, bucket: Bucket, tmp_path: Path) -> None:
    server.answers["/lear.txt"] = content(LEAR)
    bucket.fails = [503, 429]
    assert fetched(document(bucket, server.url("/lear.txt")), tmp_path) == {}
    assert files(bucket) == {"/lear.txt": LEAR}


@pytest.mark.parametrize("statuses", [[503, 503, 503], [503, 403]])
def test_a_bucket_that_refuses_an_object_ends_the_download(
    server: WebServer, bucket: Bucket, tmp_path: Path, statuses: list[int]
) -> None:
    server.answers["/lear.txt"] = content(LEAR)
    bucket.fails = [*reversed(statuses)]
    with pytest.raises(StoreError, match=f"the bucket does not take an object: HTTP {statuses[-1]}"):
        fetched(document(bucket, server.url("/lear.txt")), tmp_path)
    assert bucket.fails == []


def test_the_command_says_what_it_could_not_fetch(server: WebServer, bucket: Bucket, tmp_path: Path) -> None:

    given = document(bucket, server.url("/missing"))
    path = tmp_path / "fetch.json"
    path.write_text(json.dumps(asdict(given)))
    done = CliRunner().invoke(main, ["fetch", str(path), str(tmp_path)])
    assert (done.exit_code, done.stderr) == (1, "Error: cannot fetch /missing: 404 Not Found\n")
    server.answers["/missing"] = content(LEAR)
    done = CliRunner().invoke(main, ["fetch", str(path), str(tmp_path)])
    assert (done.exit_code, done.stdout) == (0, f"fetched /missing: {len(LEAR)} bytes\n")
