"""Redirects and addresses of downloads: where they may lead, and what is sent there."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable
from typing import Any

import pytest

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.addresses import Destinations, parse_destinations
from scriptmodel_operator.ingest.credentials import Credentials
from scriptmodel_operator.ingest.failures import SourceError
from scriptmodel_operator.ingest.fetch import Fetcher
from scriptmodel_operator.ingest.values import Validators
from tests.unit.operator.fetching import LOOPBACK, MEBIBYTE, TEXT, at_once, fetch, refused
from tests.web import Handler, WebServer, content, redirect


async def test_redirects_are_followed_relative_ones_too(server: WebServer) -> None:
    server.answers["/old"] = redirect("new/", 301)
    server.answers["/new/"] = redirect("/file", 308)
    server.answers["/file"] = content(TEXT)
    assert (await fetch(server.url("/old")))[1] == TEXT
    assert server.requested == ["/old", "/new/", "/file"]


async def test_not_for_ever(server: WebServer) -> None:
    server.answers["/round"] = redirect("/round")
    error = await refused(server.url("/round"))
    assert (error.reason, error.passing) == (Reason.DOWNLOAD_FAILED, False)
    assert "more than 5 redirects" in str(error)
    assert len(server.requested) == 6


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("ftp://127.0.0.1/x", "is not one of http or https"),
        ("file:///etc/passwd", "is not one of http or https"),
        ("http://user:word@127.0.0.1/x", "has a user or password in it"),
        ("http://[oops/x", "is not valid"),
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
    assert server.requested == []


async def test_a_redirect_to_an_address_that_is_not_allowed_is_refused(server: WebServer) -> None:
    with WebServer(host="127.0.0.2") as inside:
        inside.answers["/secret"] = content(b"secret")
        server.answers["/a"] = redirect(inside.url("/secret"))
        error = await refused(server.url("/a"))
        assert error.reason is Reason.NOT_ALLOWED
        assert "127.0.0.2 is not a public address" in str(error)
        assert inside.requested == []


async def test_a_name_is_resolved_once_and_the_checked_address_is_used(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is resolved once, so a name server cannot return another address later."""
    resolved = 0
    real = socket.getaddrinfo

    def rebinding(host: str | bytes | None, *args: Any, **kwargs: Any) -> Any:
        nonlocal resolved
        if host != "rebinding.example.com":
            return real(host, *args, **kwargs)
        resolved += 1
        return real("127.0.0.1" if resolved == 1 else "127.0.0.2", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    server.answers["/a"] = content(TEXT)
    assert (await fetch(server.url("/a", "rebinding.example.com")))[1] == TEXT
    assert resolved == 1
    error = await refused(server.url("/a", "rebinding.example.com"))
    assert "rebinding.example.com (127.0.0.2) is not a public address" in str(error)
    named = parse_destinations(["rebinding.example.com"])
    assert (await refused(server.url("/a", "rebinding.example.com"), destinations=named)).passing, "nobody is there"
