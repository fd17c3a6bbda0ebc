"""Forwards a port of a pod through the API server, as `kubectl port-forward service/NAME` does.

Listens on a Unix socket in a folder that only the user can open. Each connection gets its own WebSocket to a pod that
is ready at that moment, so a new connection reaches the pod that replaced another. Reading pauses while the other side
is slow, so memory stays bounded. The API server is reached with the credentials, certificates and proxy of the session.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import aiohttp
import click

from scriptmodel_cli.publicconfig import ServiceAddress
from scriptmodel_operator.kube.client import KubeClient, open_session
from scriptmodel_operator.kube.errors import KubeError, KubeForbiddenError, KubeNotFoundError, KubeUnavailableError
from scriptmodel_operator.kube.kopf_patches.slim_import import kopf
from scriptmodel_operator.leadership import UNLIMITED

_PROTOCOL = "v4.channel.k8s.io"
_DATA, _ERROR = 0, 1
"""Channels of the first forwarded port; the first byte of each frame is its channel."""
_PORT_FRAME_BYTES = 3
"""Size of the first frame of each channel, which repeats the port."""
_CHUNK_BYTES = 64 * 1024
_HEARTBEAT_SECONDS = 20.0
_START_SECONDS = 20.0
_CLOSE_SECONDS = 1.0
"""Longest wait for the API server to confirm that a connection is closed."""

Login = Callable[[], kopf.ConnectionInfo]


class PortForward:
    """A port-forward to a Service, open until `close`."""

    def __init__(self, login: Login, service: ServiceAddress) -> None:
        """Find a pod and connect to it once.

        Raises KubeError, KubeForbiddenError if the user may not forward ports, or what `login` raises.
        """
        self._login = login
        self._service = service
        self.problem = ""
        """Why the last connection failed; empty once a connection has received data."""
        self._folder = tempfile.TemporaryDirectory(prefix="scriptmodel-")
        self.socket = Path(self._folder.name, "pachd")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="port-forward", daemon=True)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(_START_SECONDS)
        except TimeoutError as error:
            self.close()
            raise KubeUnavailableError(self._what, 0, f"no answer within {_START_SECONDS:g} s") from error
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_args: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections and remove the socket."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(_cancel_tasks(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._folder.cleanup()

    @property
    def _what(self) -> str:
        return f"forwarding a port of service {self._service.namespace}/{self._service.name}"

    async def _start(self) -> None:
        _pod, websocket, session = await self._connect()
        async with session:
            await websocket.close()
        server = await asyncio.start_unix_server(self._serve, self.socket)
        self._loop.create_task(server.serve_forever(), name="serve")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):  # asyncio would report it as an unhandled error of the connection
            await self._relay(reader, writer)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            pod, websocket, session = await self._connect()
        except (KubeError, click.ClickException) as error:
            self.problem = str(error)
            writer.close()
            return
        receiving = self._receive(pod, websocket, writer)
        pumps = [asyncio.create_task(_send(reader, websocket)), asyncio.create_task(receiving)]
        async with session:  # also closed if `close` cancels this in one of the steps below
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                writer.close()
                await asyncio.gather(*pumps, return_exceptions=True)
                await websocket.close()

    async def _receive(
        self, pod: str, websocket: aiohttp.ClientWebSocketResponse, writer: asyncio.StreamWriter
    ) -> None:
        """Write received data to the socket until the connection ends, and record why it ended."""
        started: set[int] = set()
        async for message in websocket:
            if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
                continue
            channel, data = message.data[0], message.data[1:]
            if channel not in started and len(message.data) == _PORT_FRAME_BYTES:
                started.add(channel)
            elif channel == _ERROR:
                self.problem = f"pod {pod}: {' '.join(data.decode(errors='replace').split())}"
                return
            elif channel == _DATA:
                self.problem = ""
                writer.write(data)
                await writer.drain()
        self.problem = f"the connection to pod {pod} was closed"

    async def _connect(self) -> tuple[str, aiohttp.ClientWebSocketResponse, aiohttp.ClientSession]:
        """Connect to a ready pod. Return its name, the connection, and the session to close after it."""
        client = KubeClient(self._login, UNLIMITED)
        try:
            pod, port = await find_pod(client, self._service)
        finally:
            await client.close()
        path = f"/api/v1/namespaces/{quote(self._service.namespace)}/pods/{quote(pod)}/portforward?ports={port}"
        connection = self._login()
        session = open_session(connection, limit=0)
        url = connection.server.rstrip("/") + path
        try:
            websocket = await session.ws_connect(
                url,
                protocols=(_PROTOCOL,),
                headers={"Accept": "*/*"},  # the API server answers `application/json` with 406
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_SECONDS),
                heartbeat=_HEARTBEAT_SECONDS,
                max_msg_size=0,
            )
        except aiohttp.WSServerHandshakeError as error:
            await session.close()
            kind = KubeForbiddenError if error.status == HTTPStatus.FORBIDDEN else KubeError
            raise kind(self._what, error.status, f"the API server refused a connection to pod {pod}") from error
        except (aiohttp.ClientError, OSError) as error:
            await session.close()
            raise KubeUnavailableError(self._what, 0, str(error) or type(error).__name__) from error
        except BaseException:
            await session.close()
            raise
        return pod, websocket, session


async def find_pod(client: KubeClient, address: ServiceAddress) -> tuple[str, int]:
    """Return the name of a ready pod behind a Service and the port that it listens on there. Raises KubeError."""
    namespace, name = quote(address.namespace), f"{address.namespace}/{address.name}"
    path = f"/api/v1/namespaces/{namespace}"
    service = await client.request("GET", f"{path}/services/{quote(address.name)}", f"reading service {name}")
    spec = service.get("spec", {})
    target = next((_target(each) for each in spec.get("ports", []) if each["port"] == address.port), None)
    if target is None:
        raise KubeNotFoundError(f"reading service {name}", 0, f"it has no port {address.port}")
    if not spec.get("selector"):
        raise KubeNotFoundError(f"reading service {name}", 0, "it selects no pods, so its port cannot be forwarded")
    selector = quote(",".join(f"{key}={value}" for key, value in spec["selector"].items()), safe="")
    listed = await client.request("GET", f"{path}/pods?labelSelector={selector}", f"listing pods of service {name}")
    for pod in listed.get("items", []):
        port = _port_of(pod, target)
        if _is_ready(pod) and port is not None:
            return str(pod["metadata"]["name"]), port
    raise KubeUnavailableError(f"forwarding a port of service {name}", 0, "none of its pods is ready")


def _target(port: Mapping[str, Any]) -> int | str:
    target: int | str = port.get("targetPort") or port["port"]
    return target


def _port_of(pod: Mapping[str, Any], target: int | str) -> int | None:
    """Return the number of a container's port, given its number or its name; None if no container names it."""
    if isinstance(target, int):
        return target
    ports = (port for container in pod["spec"]["containers"] for port in container.get("ports", []))
    return next((int(port["containerPort"]) for port in ports if port.get("name") == target), None)


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return ready and not pod["metadata"].get("deletionTimestamp")


async def _send(reader: asyncio.StreamReader, websocket: aiohttp.ClientWebSocketResponse) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(_CHUNK_BYTES):
            await websocket.send_bytes(bytes([_DATA]) + data)


async def _cancel_tasks() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
