"""The API server for the threads of the engine: errors by what can be done about them, and logs as they come."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from aiohttp import web

from scriptmodel_operator.engine.errors import AccessError, ConflictError, EngineError, NotFoundError, UnavailableError
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.cluster import KubeCluster
from scriptmodel_operator.kube.kopf_patches.slim_import import kopf
from scriptmodel_operator.leadership import UNLIMITED

LOG = "/api/v1/namespaces/ml/pods/train/log"
DEADLINE = 30


class Server:
    """Answers with `status`; a log has the lines of `pieces`, and stays open while `holds`."""

    def __init__(self) -> None:
        self.status, self.pieces, self.valid = 200, [b"one\ntw", b"o\n\xff"], "new"
        self.holds = False
        self.called: list[tuple[str, str]] = []
        self.sent, self.released = threading.Event(), asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers["Authorization"] != f"Bearer {self.valid}":
            return web.json_response({"message": "Unauthorized"}, status=401)
        if self.status != 200 or not request.path.endswith("/log"):
            return web.json_response({"message": "words of the server"}, status=self.status)
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in self.pieces:
            await response.write(piece)
        if self.holds:
            self.sent.set()
            await self.released.wait()
        return response


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    with closing(asyncio.new_event_loop()) as loop:
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        yield loop
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def cluster(server: Server, loop: asyncio.AbstractEventLoop) -> Iterator[KubeCluster]:
    """A client whose first token has expired."""
    tokens = iter(["old"])

    async def start() -> tuple[web.AppRunner, KubeClient]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", server.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner, KubeClient(
            lambda: kopf.ConnectionInfo(server=address, token=next(tokens, server.valid)), UNLIMITED
        )

    async def stop() -> None:
        server.released.set()
        await client.close()
        await runner.cleanup()

    runner, client = asyncio.run_coroutine_threadsafe(start(), loop).result()
    yield KubeCluster(client, loop, lambda method, code, _seconds: server.called.append((method, code)))
    asyncio.run_coroutine_threadsafe(stop(), loop).result()


@pytest.mark.parametrize(
    ("status", "kind"), [(403, AccessError), (404, NotFoundError), (409, ConflictError), (503, UnavailableError)]
)
def test_an_error_is_that_of_the_engine(
    cluster: KubeCluster, server: Server, status: int, kind: type[EngineError]
) -> None:
    server.status = status
    with pytest.raises(kind, match=r"^reading it: words of the server$"):
        cluster.request("GET", "/api/v1/namespaces/ml/configmaps/plays", "reading it")
    with pytest.raises(kind, match=r"^following it: words of the server$"):
        cluster.lines(LOG, "following it", 60)


@pytest.mark.parametrize("path", ["", "/train-1", "?labelSelector=a", "/train-1?fieldManager=b"])
def test_a_request_is_counted_by_the_kind_of_its_objects(cluster: KubeCluster, server: Server, path: str) -> None:
    cluster.request("PATCH", f"/apis/batch/v1/namespaces/v1/jobs{path}", "changing it")
    server.status = 403
    with pytest.raises(AccessError):
        cluster.request("GET", "/api/v1/configmaps?labelSelector=a", "listing")
    assert server.called == [("PATCH jobs", "OK"), ("GET configmaps", "PERMISSION_DENIED")]


def test_the_lines_of_a_log_are_whole_however_they_come(cluster: KubeCluster) -> None:
    assert [*cluster.lines(LOG, "following it", 60)] == ["one", "two", "�"]


def test_another_thread_ends_a_log_that_is_followed(cluster: KubeCluster, server: Server) -> None:
    server.holds, server.pieces = True, [b"one\n"]
    lines = cluster.lines(LOG, "following it", 60)
    found = iter(lines)
    assert next(found) == "one"
    server.sent.wait()
    threading.Thread(target=lines.cancel).start()
    assert [*found] == []


def test_a_log_ends_once_its_time_is_over(cluster: KubeCluster, server: Server) -> None:
    server.holds = True
    assert [*cluster.lines(LOG, "following it", 0.1)] == ["one", "two", "�"]


def test_a_request_in_progress_ends_when_the_program_does_and_no_other_is_sent(
    cluster: KubeCluster, server: Server
) -> None:
    server.holds = True
    errors: list[EngineError] = []

    def call() -> None:
        try:
            cluster.request("GET", LOG, "reading it")
        except EngineError as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    server.sent.wait()
    cluster.close()
    thread.join()
    call()
    assert [str(error) for error in errors] == ["reading it: the program is ending"] * 2
    assert {type(error) for error in errors} == {UnavailableError}


@pytest.mark.parametrize(
    "call",
    [
        lambda cluster: cluster.request("GET", LOG, "reading it"),
        lambda cluster: next(iter(cluster.lines(LOG, "reading it", 600))),
    ],
    ids=["a request", "a log"],
)
def test_a_call_in_progress_ends_with_the_loop_that_it_waits_for(
    cluster: KubeCluster, server: Server, call: Callable[[KubeCluster], object]
) -> None:
    server.holds, server.pieces, errors = True, [], list[str]()
    own = asyncio.new_event_loop()
    running = threading.Thread(target=own.run_forever)
    running.start()

    def waits() -> None:
        try:
            call(KubeCluster(cluster._client, own))
        except EngineError as error:
            errors.append(str(error))

    waiting = threading.Thread(target=waits, daemon=True)
    waiting.start()
    assert server.sent.wait(DEADLINE)
    own.call_soon_threadsafe(own.stop)
    running.join(DEADLINE)
    waiting.join(DEADLINE)
    assert errors == ["reading it: the program is ending"]
    own.close()
