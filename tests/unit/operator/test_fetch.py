"""Downloads from a real server on loopback, which is allowed here."""

from __future__ import annotations

import asyncio
import hashlib
import io
import socket
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.addresses import Destinations, parse_destinations
from scriptmodel_operator.ingest.credentials import Credentials
from scriptmodel_operator.ingest.failures import SourceError
from scriptmodel_operator.ingest.fetch import Fetched, Fetcher, Patience
from scriptmodel_operator.ingest.origin import Validators, file_name, shown
from tests.web import Handler, WebServer, content, redirect, status, tagged

MEBIBYTE = 1024 * 1024
LOOPBACK = parse_destinations(["127.0.0.1"])
HURRIED = Patience(connect=5, silence=0.3, grace=0.2, slowest=1000)
TEXT = b"HAMLET: To be or not to be.\n" * 100


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as running:
        yield running


async def at_once(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)


async def fetch(
    url: str,
    known: Validators = Validators(),  # noqa: B008 - immutable
    *,
    most: int = MEBIBYTE,
    destinations: Destinations = LOOPBACK,
    patience: Patience = Patience(),  # noqa: B008 - immutable
) -> tuple[Fetched | None, bytes]:
    file = io.BytesIO()
    found = await Fetcher(destinations, at_once, patience).fetch(url, file, most, known)
    return found, file.getvalue()


async def refused(url: str, **options: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await fetch(url, **options)
    return caught.value


async def test_a_downloaded_file_has_its_digest_and_the_servers_validators(server: WebServer) -> None:
    server.answers["/a.txt"] = tagged(TEXT)
    found, body = await fetch(server.url("/a.txt"))
    assert body == TEXT
    assert found is not None
    assert (found.size, found.sha256) == (len(TEXT), hashlib.sha256(TEXT).hexdigest())
    assert found.validators.etag
    assert found.validators.last_modified == "Thu, 01 Jan 2026 00:00:00 GMT"
    assert await fetch(server.url("/a.txt"), found.validators) == (None, b""), "nothing has changed"


async def test_the_bytes_are_kept_whatever_the_servers_headers(server: WebServer) -> None:
    packed = b"\x1f\x8b not really"
    server.answers["/a"] = content(packed, {"Content-Encoding": "gzip", "Content-Type": "text/html"})
    assert (await fetch(server.url("/a")))[1] == packed


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, br", "compress"])
async def test_an_unrequested_content_encoding_is_refused(server: WebServer, encoding: str) -> None:
    server.answers["/a"] = content(zlib.compress(TEXT), {"Content-Encoding": encoding})
    error = await refused(server.url("/a"))
    assert (error.reason, error.passing) == (Reason.DOWNLOAD_FAILED, False)
    assert f"the server sends it encoded ({encoding.rpartition(' ')[2]!r}), though it was asked not to" in str(error)


async def test_redirects_are_followed_relative_ones_too(server: WebServer) -> None:
    server.answers["/old"] = redirect("new/", 301)
    server.answers["/new/"] = redirect("/file", 308)
    server.answers["/file"] = content(TEXT)
    assert (await fetch(server.url("/old")))[1] == TEXT
    assert server.asked == ["/old", "/new/", "/file"]


async def test_not_for_ever(server: WebServer) -> None:
    server.answers["/round"] = redirect("/round")
    error = await refused(server.url("/round"))
    assert (error.reason, error.passing) == (Reason.DOWNLOAD_FAILED, False)
    assert "more than 5 redirects" in str(error)
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("ftp://127.0.0.1/x", "is not one of http or https"),
        ("file:///etc/passwd", "is not one of http or https"),
        ("http://user:word@127.0.0.1/x", "has a user or password in it"),
        ("http://[oops/x", "no address"),
    ],
)
async def test_a_redirect_to_an_invalid_address_is_refused(server: WebServer, location: str, words: str) -> None:
    server.answers["/a"] = redirect(location)
    error = await refused(server.url("/a"))
    assert words in str(error)
    assert "word" not in str(error).replace("password", "")


async def test_credentials_go_to_their_own_server_only(server: WebServer) -> None:
    sent: list[tuple[str, str]] = []

    def noted(answer: Callable[[Handler], None]) -> Callable[[Handler], None]:
        def noting(handler: Handler) -> None:
            sent.append((handler.http.path, handler.header("Authorization")))
            answer(handler)

        return noting

    with WebServer() as other:
        server.answers["/a"] = noted(redirect("/b"))
        server.answers["/b"] = noted(redirect(other.url("/c")))
        other.answers["/c"] = noted(redirect(other.url("/d")))
        other.answers["/d"] = noted(content(TEXT))
        fetcher = Fetcher(LOOPBACK, at_once)
        credentials = Credentials("Authorization", "Bearer canary")
        await fetcher.fetch(server.url("/a"), io.BytesIO(), MEBIBYTE, Validators(), credentials)
    assert sent == [("/a", "Bearer canary"), ("/b", "Bearer canary"), ("/c", ""), ("/d", "")]


@pytest.mark.parametrize(
    "to",
    [
        "http://a" + ".a" * 3000,
        "ftp://" + "a" * 9000,
        "http://[" + "a" * 9000,
        "http://[: :10.0.0.1]/",
        "http://[::ffff :10.0.0.1]/",
    ],
)
async def test_where_a_server_redirects_to_is_shown_briefly(server: WebServer, to: str) -> None:
    server.answers["/a"] = redirect(to)
    assert len(str(await refused(server.url("/a")))) < 500


async def test_a_redirect_from_https_to_http_is_refused() -> None:
    """Tested where it is decided: no server here has a certificate."""
    from yarl import URL  # noqa: PLC0415 - only here

    from scriptmodel_operator.ingest import fetch as module  # noqa: PLC0415 - only here

    with pytest.raises(SourceError, match="not encrypted any more"):
        module._checked(URL("http://example.com/"), URL("https://example.com/"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
async def test_without_permission_no_name_connects_to_loopback(server: WebServer, host: str) -> None:
    server.answers["/a"] = content(TEXT)
    error = await refused(server.url("/a", host), destinations=Destinations())
    assert error.reason in (Reason.NOT_ALLOWED, Reason.DOWNLOAD_FAILED)
    assert host not in ("127.0.0.1", "localhost") or error.reason is Reason.NOT_ALLOWED
    assert server.asked == []


async def test_a_redirect_to_an_address_that_is_not_allowed_is_refused(server: WebServer) -> None:
    with WebServer(host="127.0.0.2") as inside:
        inside.answers["/secret"] = content(b"secret")
        server.answers["/a"] = redirect(inside.url("/secret"))
        error = await refused(server.url("/a"))
        assert error.reason is Reason.NOT_ALLOWED
        assert "127.0.0.2 is not a public address" in str(error)
        assert inside.asked == []


async def test_a_name_is_resolved_once_and_the_checked_address_is_used(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is resolved once, so a name server cannot return another address later."""
    asked = 0
    real = socket.getaddrinfo

    def rebinding(host: str | bytes | None, *args: Any, **kwargs: Any) -> Any:
        nonlocal asked
        if host != "rebinding.example.com":
            return real(host, *args, **kwargs)
        asked += 1
        return real("127.0.0.1" if asked == 1 else "127.0.0.2", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    server.answers["/a"] = content(TEXT)
    assert (await fetch(server.url("/a", "rebinding.example.com")))[1] == TEXT
    assert asked == 1
    error = await refused(server.url("/a", "rebinding.example.com"))
    assert "rebinding.example.com (127.0.0.2) is not a public address" in str(error)
    named = parse_destinations(["rebinding.example.com"])
    assert (await refused(server.url("/a", "rebinding.example.com"), destinations=named)).passing, "nobody is there"


@pytest.mark.parametrize(
    ("number", "passing", "words"),
    [
        (404, False, "HTTP 404 Not Found"),
        (403, False, "HTTP 403 Forbidden"),
        (429, True, "HTTP 429 Too Many Requests"),
        (500, True, "HTTP 500"),
        (503, True, "HTTP 503"),
        (204, False, "HTTP 204"),
        (304, False, "HTTP 304"),
        (302, False, "HTTP 302"),
        (799, True, "HTTP 799"),
    ],
)
async def test_other_answers_are_reported_with_the_address(
    server: WebServer, number: int, *, passing: bool, words: str
) -> None:
    server.answers["/a"] = status(number)
    error = await refused(server.url("/a") + "?token=secret")
    assert (error.reason, error.passing) == (Reason.DOWNLOAD_FAILED, passing)
    assert words in str(error)
    assert server.url("/a") in str(error)
    assert "secret" not in str(error)


async def test_a_server_may_send_retry_after(server: WebServer) -> None:
    server.answers["/a"] = status(503, {"Retry-After": "7"})
    assert (await refused(server.url("/a"))).wait == 7
    server.answers["/a"] = status(503, {"Retry-After": "Fri, 31 Dec 2027 23:59:59 GMT"})
    assert (await refused(server.url("/a"))).wait == 0


async def test_a_file_that_is_too_large_is_refused_by_header_and_by_content(server: WebServer) -> None:
    server.answers["/says"] = content(bytes(2 * MEBIBYTE))

    def without_length(handler: Handler) -> None:
        handler.start(200)
        for _ in range(1000):
            handler.write(bytes(64 * 1024))

    server.answers["/comes"] = without_length
    for path in ("/says", "/comes"):
        error = await refused(server.url(path))
        assert error.reason is Reason.CORPUS_TOO_LARGE
        assert "more than 1 MiB" in str(error)


async def test_a_connection_that_breaks_off_is_no_whole_file(server: WebServer) -> None:
    def breaks(handler: Handler) -> None:
        handler.start(200, {"Content-Length": "1000"})
        handler.write(b"only this")

    server.answers["/a"] = breaks
    error = await refused(server.url("/a"))
    assert error.passing
    assert "connection broke" in str(error)


async def test_a_silent_server_is_given_up(server: WebServer) -> None:
    def silent(handler: Handler) -> None:
        handler.stopping.wait(20)

    def halts(handler: Handler) -> None:
        handler.start(200, {"Content-Length": "1000"})
        handler.write(b"x")
        handler.stopping.wait(20)

    server.answers["/silent"], server.answers["/halts"] = silent, halts
    for path in ("/silent", "/halts"):
        error = await refused(server.url(path), patience=HURRIED)
        assert error.passing
        assert "it sent nothing of the file for" in str(error)


async def test_a_server_that_is_too_slow_is_given_up(server: WebServer) -> None:
    def trickles(handler: Handler) -> None:
        handler.start(200, {"Content-Length": "1000"})
        while not handler.stopping.wait(0.05):
            handler.write(b"x")

    server.answers["/a"] = trickles
    error = await refused(server.url("/a"), patience=HURRIED)
    assert error.passing
    assert "it is too slow" in str(error)


@pytest.mark.parametrize("sent", [b"0", b"X-A: b\r\n"], ids=["zeros of a chunk's size", "trailers"])
async def test_bytes_outside_the_file_are_no_progress(server: WebServer, sent: bytes) -> None:
    def answer(handler: Handler) -> None:
        handler.http.protocol_version = "HTTP/1.1"
        handler.start(200, {"Transfer-Encoding": "chunked"})
        handler.write(b"1\r\nx\r\n" + (b"" if sent == b"0" else b"0\r\n"))
        while not handler.stopping.wait(0.01):
            handler.write(sent)

    server.answers["/a"] = answer
    error = await refused(server.url("/a"), patience=HURRIED)
    assert error.passing
    assert "it sent nothing of the file for" in str(error) or "connection broke" in str(error)


async def test_a_download_has_a_time_limit_redirects_included(server: WebServer) -> None:
    def steps(handler: Handler) -> None:
        handler.start(200, {"Content-Length": "100000"})
        while not handler.stopping.wait(0.01):
            handler.write(b"x" * 100)

    server.answers["/a"], server.answers["/b"] = redirect("/b"), steps
    error = await refused(server.url("/a"), patience=Patience(total=0.3))
    assert error.passing
    assert "it is not complete after 0 s" in str(error)


def test_without_a_limit_the_duration_of_a_download_follows_from_its_maximum_size() -> None:
    assert Patience().longest(256 * MEBIBYTE) == 60 + 4096
    assert Patience(total=600).longest(256 * MEBIBYTE) == 600


@pytest.mark.parametrize("tag", ['"\x7f"', '"\n"', '"\udc80"', "x" * 257, '"\x00"'])
async def test_a_validator_that_cannot_be_sent_is_not(server: WebServer, tag: str) -> None:
    """An older operator, or a person, may have written it into the status."""
    server.answers["/a"] = tagged(TEXT)
    assert (await fetch(server.url("/a"), Validators(tag, tag)))[1] == TEXT
    assert server.conditions == [""]


@pytest.mark.parametrize("tag", ["\x7f", "\x80", "\x85", "é", "\xff", "a\tb"])
async def test_no_validator_of_a_server_stops_the_next_request(server: WebServer, tag: str) -> None:
    def answer(handler: Handler) -> None:
        handler.write(b'HTTP/1.0 200 OK\r\nContent-Length: 1\r\nETag: "' + tag.encode("latin-1") + b'"\r\n\r\nx')

    server.answers["/a"] = answer
    found, _body = await fetch(server.url("/a"))
    assert found is not None
    assert (await fetch(server.url("/a"), found.validators))[1] == b"x"


async def test_a_validator_beyond_latin_1_is_sent_back_unchanged(server: WebServer) -> None:
    def answer(handler: Handler) -> None:
        handler.write('HTTP/1.0 200 OK\r\nContent-Length: 1\r\nETag: "Ω🎭"\r\n\r\nx'.encode())

    server.answers["/a"] = answer
    found, _body = await fetch(server.url("/a"))
    assert found is not None
    assert found.validators.etag == '"Ω🎭"'
    await fetch(server.url("/a"), found.validators)
    assert server.conditions[1].encode("latin-1").decode() == '"Ω🎭"'


async def test_headers_that_never_end_are_given_up(server: WebServer) -> None:
    def endless(handler: Handler) -> None:
        handler.write(b"HTTP/1.1 200 OK\r\n")
        while not handler.stopping.wait(0.05):
            handler.write(b"X-A: b\r\n")

    server.answers["/a"] = endless
    error = await refused(server.url("/a"), patience=Patience(connect=0.5, silence=0.5))
    assert error.passing


async def test_a_refused_connection_and_an_unknown_host_are_reported() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = await refused(f"http://127.0.0.1:{taken.getsockname()[1]}/a")
    assert error.passing
    assert "cannot connect (Connection refused)" in str(error)
    error = await refused("http://no-such-host.invalid/a")
    assert "there is no host 'no-such-host.invalid'" in str(error)


@pytest.mark.parametrize("address", ["http://a..b/", f"http://{'a' * 300}/", "http://example.com:99999/", "http://[x/"])
async def test_an_invalid_address_is_reported(address: str) -> None:
    assert (await refused(address)).reason is Reason.DOWNLOAD_FAILED
    assert shown(address)


async def test_a_download_that_is_cancelled_ends(server: WebServer) -> None:
    server.answers["/a"] = lambda handler: handler.stopping.wait(20) and None
    task = asyncio.create_task(fetch(server.url("/a")))
    while not server.asked:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_addresses_are_shown_without_their_secret_parts() -> None:
    assert shown("https://user:word@example.com:8443/a/b?sig=1#x") == "https://example.com:8443/a/b"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://example.com/plays/hamlet.txt?x=1", "hamlet.txt"),
        ("https://example.com/hamlet.txt.gz", "hamlet.txt"),
        ("https://example.com/", "corpus.txt"),
        ("https://example.com", "corpus.txt"),
        ("https://example.com/..", "corpus.txt"),
        ("https://example.com/%2e%2e%2fup", "up"),
        ("https://example.com/.hidden", "hidden"),
    ],
)
def test_a_text_is_called_as_in_its_address(address: str, name: str) -> None:
    assert file_name(address) == name
