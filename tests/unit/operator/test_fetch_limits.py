"""Limits of downloads: size, silence, speed and time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.fetch import Timeouts
from tests.unit.operator.fetching import HURRIED, MEBIBYTE, fetch, refused
from tests.web import Handler, WebServer, content, redirect


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


async def test_a_download_from_a_silent_server_times_out(server: WebServer) -> None:
    def silent(handler: Handler) -> None:
        handler.stopping.wait(20)

    def halts(handler: Handler) -> None:
        handler.start(200, {"Content-Length": "1000"})
        handler.write(b"x")
        handler.stopping.wait(20)

    server.answers["/silent"], server.answers["/halts"] = silent, halts
    for path in ("/silent", "/halts"):
        error = await refused(server.url(path), timeouts=HURRIED)
        assert error.passing
        assert "no data of the file for" in str(error)


async def test_a_download_below_the_least_speed_fails(server: WebServer) -> None:
    def trickles(handler: Handler) -> None:
        handler.start(200, {"Content-Length": "1000"})
        while not handler.stopping.wait(0.05):
            handler.write(b"x")

    server.answers["/a"] = trickles
    error = await refused(server.url("/a"), timeouts=replace(HURRIED, silence=60, grace=0.2))
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
    error = await refused(server.url("/a"), timeouts=HURRIED)
    assert error.passing
    assert "no data of the file for" in str(error) or "connection broke" in str(error)


async def test_a_download_has_a_time_limit_redirects_included(server: WebServer) -> None:
    def steps(handler: Handler) -> None:
        handler.start(200, {"Content-Length": "100000"})
        while not handler.stopping.wait(0.01):
            handler.write(b"x" * 100)

    server.answers["/a"], server.answers["/b"] = redirect("/b"), steps
    error = await refused(server.url("/a"), timeouts=Timeouts(total=0.3))
    assert error.passing
    assert "it is not complete after 0 s" in str(error)


async def test_slow_redirects_count_towards_the_limit(server: WebServer) -> None:
    def on(handler: Handler) -> None:
        handler.stopping.wait(0.4)
        redirect("/a")(handler)

    server.answers["/a"] = on
    error = await refused(server.url("/a"), timeouts=Timeouts(total=1.0))
    assert "it is not complete after 1 s" in str(error)


def test_without_a_limit_the_duration_of_a_download_follows_from_its_maximum_size() -> None:
    assert Timeouts().longest(256 * MEBIBYTE) == 60 + 4096
    assert Timeouts(total=600).longest(256 * MEBIBYTE) == 600


async def test_headers_that_never_end_time_out(server: WebServer) -> None:
    def endless(handler: Handler) -> None:
        handler.write(b"HTTP/1.1 200 OK\r\n")
        while not handler.stopping.wait(0.05):
            handler.write(b"X-A: b\r\n")

    server.answers["/a"] = endless
    error = await refused(server.url("/a"), timeouts=Timeouts(connect=0.5, silence=0.5))
    assert error.passing


async def test_a_download_that_is_cancelled_ends(server: WebServer) -> None:
    server.answers["/a"] = lambda handler: handler.stopping.wait(20) and None
    task = asyncio.create_task(fetch(server.url("/a")))
    while not server.requested:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
