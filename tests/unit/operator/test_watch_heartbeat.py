"""Detection of dead watches, from the connections that kopf uses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from dev.processes import free_port
from scriptmodel_operator.health import WATCH_SILENCE_SECONDS, Health
from scriptmodel_operator.kube.heartbeat import WatchHeartbeat
from scriptmodel_operator.kube.kopf_patches.echo_filter import EchoFilter
from scriptmodel_operator.kube.kopf_patches.slim_import import kopf
from scriptmodel_operator.kube.kopf_patches.watch_session import watch_session
from scriptmodel_operator.kube.object_store import Store
from scriptmodel_operator.metrics import Metrics

PATH = "/apis/scriptmodel.dev/v1alpha1/scriptmodels"
VERSIONS = b'{"kind": "APIGroupList", "groups": []}'


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def serving(path: str, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """A server where `handler` answers GET requests for `path`."""
    application = web.Application()
    application.router.add_get(path, handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def server(bookmark: asyncio.Event) -> AsyncIterator[str]:
    """Each watch starts with headers and delivers one bookmark on request of the test."""

    async def watch(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await bookmark.wait()
        await response.write(b'{"type": "BOOKMARK"}\n')
        await asyncio.Event().wait()
        return response

    async with serving(PATH, watch) as address:
        yield address


async def test_headers_and_bookmarks_keep_it_alive_and_silence_fails_health() -> None:
    clock, bookmark = Clock(), asyncio.Event()
    heartbeat = WatchHeartbeat(clock)
    health = Health(Metrics(Store(EchoFilter())), watches=heartbeat, clock=clock)
    async with server(bookmark) as address:
        session = watch_session(kopf.ConnectionInfo(server=address), heartbeat, EchoFilter()).aiohttp_session
        async with session, session.get(address + PATH, params={"watch": "true"}) as response:
            clock.now = 60
            pieces = response.content.iter_chunked(1024)
            bookmark.set()
            assert b"BOOKMARK" in await anext(pieces)
            assert heartbeat.silence == 0
            clock.now = 60 + WATCH_SILENCE_SECONDS - 1
            health.beat()
            assert health.failure == ""
            clock.now = 60 + WATCH_SILENCE_SECONDS
            assert "not even a bookmark" in health.failure


@pytest.mark.parametrize("params", [{}, {"watch": "true"}], ids=["list", "watch"])
async def test_a_list_or_watch_that_is_never_answered_is_silent_from_its_start(params: dict[str, str]) -> None:
    clock, asked = Clock(), asyncio.Event()
    heartbeat = WatchHeartbeat(clock)

    async def never(_request: web.Request) -> web.StreamResponse:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(PATH, never) as address:
        session = watch_session(kopf.ConnectionInfo(server=address), heartbeat, EchoFilter()).aiohttp_session
        async with session:
            for _ in range(2):  # as kopf does, which gives up a silent watch for a new one
                asked.clear()
                watch = asyncio.ensure_future(session.get(address + PATH, params=params))
                await asked.wait()
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)
                clock.now += 70
            assert heartbeat.silence == 140


async def test_a_server_that_refuses_connections_is_away_and_not_silent() -> None:
    clock = Clock()
    heartbeat = WatchHeartbeat(clock)
    address = f"http://127.0.0.1:{free_port()}"
    session = watch_session(kopf.ConnectionInfo(server=address), heartbeat, EchoFilter()).aiohttp_session
    async with session:
        for _ in range(3):
            clock.now += 70
            with pytest.raises(aiohttp.ClientConnectionError):
                await session.get(address + PATH, params={"watch": "true"})
        assert heartbeat.silence == 0


async def test_a_server_that_fails_during_a_new_list_is_not_silent() -> None:
    clock = Clock()
    heartbeat = WatchHeartbeat(clock)
    heartbeat.opened(PATH)
    async with server_that_says(503) as address:
        session = watch_session(kopf.ConnectionInfo(server=address), heartbeat, EchoFilter()).aiohttp_session
        async with session:
            clock.now = 70
            with pytest.raises(aiohttp.ClientConnectionError):
                await session.get(address + PATH)
            assert heartbeat.silence == 0
            clock.now = 140
            with pytest.raises(aiohttp.ClientConnectionError):
                await session.get(f"http://127.0.0.1:{free_port()}{PATH}")
            assert heartbeat.silence == 0


@asynccontextmanager
async def server_that_says(*statuses: int) -> AsyncIterator[str]:
    """To a list of ScriptModels: each status in turn."""
    left = list(statuses)

    async def models(_request: web.Request) -> web.Response:
        return web.json_response({"message": "no"}, status=left.pop(0))

    async with serving(PATH, models) as address:
        yield address


@pytest.mark.parametrize(
    ("status", "words", "served"),
    [(404, "kubectl apply -f manifests/crd.yaml", False), (403, "no", False), (503, "no", True), (410, "no", True)],
)
@pytest.mark.parametrize("watch", [{}, {"watch": "true"}], ids=["list", "watch"])
async def test_an_error_that_would_end_kopf_becomes_a_failed_request_that_is_retried(
    status: int, words: str, served: bool, watch: dict[str, str]
) -> None:
    heartbeat = WatchHeartbeat()
    health = Health(Metrics(Store(EchoFilter())), ready=True, watches=heartbeat)
    async with server_that_says(status, 429, 401, 200) as address:
        session = watch_session(kopf.ConnectionInfo(server=address), heartbeat, EchoFilter()).aiohttp_session
        async with session:
            with pytest.raises(aiohttp.ClientConnectionError, match=rf"{words}.* \(HTTP {status}\)"):
                await session.get(address + PATH, params=watch)
            assert (heartbeat.served, await readiness(health)) == (served, 200 if served else 503)
            for handled in (429, 401, 200):
                async with session.get(address + PATH, params=watch) as response:
                    assert response.status == handled
            assert (heartbeat.served, await readiness(health)) == (True, 200)


async def readiness(health: Health) -> int:
    return (await health.readyz(make_mocked_request("GET", "/readyz"))).status


@asynccontextmanager
async def server_that_breaks_off(times: int) -> AsyncIterator[str]:
    """So many answers end in the middle; the next one is whole."""
    left = times

    async def versions(request: web.Request) -> web.StreamResponse:
        nonlocal left
        response = web.StreamResponse()
        response.content_length = len(VERSIONS)
        await response.prepare(request)
        left -= 1
        await response.write(VERSIONS[: len(VERSIONS) // 2] if left >= 0 else VERSIONS)
        if left >= 0 and request.transport is not None:
            request.transport.abort()
        return response

    async with serving("/apis", versions) as address:
        yield address


async def test_an_answer_that_breaks_off_is_a_failed_request_which_kopf_sends_again() -> None:
    async with server_that_breaks_off(1) as address:
        session = watch_session(kopf.ConnectionInfo(server=address), WatchHeartbeat(), EchoFilter()).aiohttp_session
        async with session:
            with pytest.raises(aiohttp.ClientConnectionError, match="broke off"):
                await session.get(address + "/apis")
            async with session.get(address + "/apis") as response:
                assert await response.read() == VERSIONS


async def test_an_answer_that_is_no_http_is_a_failed_connection_which_kopf_tries_again() -> None:
    async def garble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 504 Gateway Timeout\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(garble, "127.0.0.1", 0) as garbler:
        address = f"http://127.0.0.1:{garbler.sockets[0].getsockname()[1]}"
        session = watch_session(kopf.ConnectionInfo(server=address), WatchHeartbeat(), EchoFilter()).aiohttp_session
        async with session:
            with pytest.raises(aiohttp.ClientConnectionError, match="is not HTTP"):
                await session.get(address + PATH, params={"watch": "true"})


async def test_other_requests_do_not_affect_the_heartbeat() -> None:
    clock = Clock()
    heartbeat = WatchHeartbeat(clock)
    heartbeat.opened(PATH)
    clock.now = 50
    async with server_that_breaks_off(0) as address:
        session = watch_session(kopf.ConnectionInfo(server=address), heartbeat, EchoFilter()).aiohttp_session
        async with session, session.get(address + "/apis"):
            assert heartbeat.silence == 50
