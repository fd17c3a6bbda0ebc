"""An API server on loopback for the command: public ConfigMaps, a Service with its pods, and port-forwards to them.

It runs in a thread of its own, since the command blocks its thread while it waits for an answer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

from aiohttp import WSMsgType, web

from scriptmodel_operator.kube.kopf_patches.slim_import import kopf

PROTOCOL = "v4.channel.k8s.io"
DATA, ERROR = 0, 1
CHUNK_BYTES = 64 * 1024
PORT = 1650
"""The port of the container; the Service has 30650 and names it."""

Pod = Callable[[web.WebSocketResponse], Awaitable[None]]
"""The behaviour of one end of a port-forward once both of its channels are open."""


def pod(name: str, *, ready: bool = True, ending: bool = False) -> dict[str, Any]:
    metadata = {"name": name, **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if ending else {})}
    containers = [{"name": "pachd", "ports": [{"name": "api-grpc-port", "containerPort": PORT}]}]
    status = {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}
    return {"metadata": metadata, "spec": {"containers": containers}, "status": status}


class StubApiServer:
    """Serves `pods` behind the Service ml/pachd, and `config_maps` in kube-public."""

    def __init__(self, behaviour: Pod) -> None:
        """`behaviour` is the pod's side of each connection; it can be changed between two connections."""
        self.behaviour = behaviour
        self.pods = [pod("pachd-0")]
        self.config_maps: list[dict[str, Any]] = []
        self.refused: dict[str, int] = {}
        """HTTP status by the last part of a path: `portforward`, `pods`, `configmaps`."""
        self.forwarded: list[tuple[str, str]] = []
        """Pod and query of each port-forward, in order."""
        self._connections: set[web.WebSocketResponse] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stub-api-server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.port: int = self._run(self._start())
        return self

    def __exit__(self, *_args: object) -> None:
        self._run(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def login(self) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(server=self.url, token="token")  # noqa: S106 - not a secret

    @property
    def connections(self) -> int:
        return len(self._connections)

    def disconnect(self) -> None:
        """Close all port-forwards, as the API server does when their pod ends."""
        self._run(self._disconnect())

    async def _disconnect(self) -> None:
        for websocket in list(self._connections):
            await websocket.close()

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _start(self) -> int:
        application = web.Application()
        application.router.add_get("/api/v1/namespaces/ml/pods/{pod}/portforward", self._forward)
        application.router.add_get("/{path:.*}", self._get)
        self._runner = web.AppRunner(application, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return int(self._runner.addresses[0][1])

    async def _get(self, request: web.Request) -> web.Response:
        ports = [{"port": 30650, "targetPort": "api-grpc-port"}]
        answers: dict[str, Any] = {
            "/api/v1/namespaces/ml/services/pachd": {"spec": {"selector": {"app": "pachd"}, "ports": ports}},
            "/api/v1/namespaces/ml/pods": {"items": self.pods},
            "/api/v1/namespaces/kube-public/configmaps": {"items": self.config_maps},
        }
        if status := self.refused.get(request.path.rpartition("/")[2]):
            return web.json_response({"message": "refused by the test"}, status=status)
        answer = answers.get(request.path)
        return web.json_response(answer or {"message": "not found"}, status=200 if answer else 404)

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        if status := self.refused.get("portforward"):
            return web.json_response({"message": "refused by the test"}, status=status)
        self.forwarded.append((request.match_info["pod"], request.query_string))
        websocket = web.WebSocketResponse(protocols=(PROTOCOL,), max_msg_size=0)
        await websocket.prepare(request)
        assert websocket.ws_protocol == PROTOCOL
        self._connections.add(websocket)
        for channel in (DATA, ERROR):
            await websocket.send_bytes(bytes([channel]) + PORT.to_bytes(2, "little"))
        try:
            await self.behaviour(websocket)
        finally:
            self._connections.discard(websocket)
        return websocket


async def received(websocket: web.WebSocketResponse) -> AsyncIterator[bytes]:
    """Yield what the command sends on the data channel, until it closes the connection."""
    async for message in websocket:
        assert message.type is WSMsgType.BINARY
        assert message.data[0] == DATA
        yield message.data[1:]


async def send(websocket: web.WebSocketResponse, data: bytes, channel: int = DATA) -> None:
    await websocket.send_bytes(bytes([channel]) + data)


async def echo(websocket: web.WebSocketResponse) -> None:
    async for data in received(websocket):
        await send(websocket, data)


def leading_to(address: str) -> Pod:
    """Return the behaviour of a pod whose port is served at an address HOST:PORT of this machine."""

    async def bridge(websocket: web.WebSocketResponse) -> None:
        async with _connected(address) as (reader, writer):
            back = asyncio.create_task(_send_all(reader, websocket))
            try:
                async for data in received(websocket):
                    writer.write(data)
                    await writer.drain()
            finally:
                back.cancel()
                await asyncio.gather(back, return_exceptions=True)

    return bridge


@asynccontextmanager
async def _connected(address: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()


async def _send_all(reader: asyncio.StreamReader, websocket: web.WebSocketResponse) -> None:
    while data := await reader.read(CHUNK_BYTES):
        await send(websocket, data)
