"""Downloads from a real server on loopback, which is allowed here."""

from __future__ import annotations

import hashlib
import socket
import zlib

import pytest

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.values import Validators, file_name, shown
from tests.unit.operator.fetching import TEXT, fetch, refused
from tests.web import Handler, WebServer, content, status, tagged


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
    assert f"the server sends it encoded ({encoding.rpartition(' ')[2]!r}), although the request forbids it" in str(
        error
    )


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
