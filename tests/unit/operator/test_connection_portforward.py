"""The port-forward speaks the API server's protocol, uses little memory, and reports why a connection failed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import click
import pytest
from aiohttp import web

from scriptmodel_cli.portforward import PortForward
from scriptmodel_cli.publicconfig import ServiceAddress
from scriptmodel_operator.kube.errors import KubeError, KubeForbiddenError, KubeNotFoundError, KubeUnavailableError
from tests.unit.operator.stub_api import CHUNK_BYTES, ERROR, PORT, StubApiServer, echo, pod, received, send

PACHD = ServiceAddress("ml", "pachd", 30650)
BYTES = 48 << 20
IN_BUFFERS = 24 << 20
"""More than the kernel's buffers of three sockets and the queues of the port-forward, less than everything."""


@contextmanager
def forwarding(server: StubApiServer) -> Iterator[PortForward]:
    with server, PortForward(server.login, PACHD) as forward:
        yield forward


@contextmanager
def connected(forward: PortForward) -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as client:
        client.settimeout(30)
        client.connect(str(forward.socket))
        yield client


def exactly(client: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        data = client.recv(size - len(found))
        assert data, f"closed after {len(found)} of {size} bytes"
        found += data
    return found


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_bytes_pass_in_both_directions_to_the_port_of_the_container() -> None:
    server = StubApiServer(echo)
    with forwarding(server) as forward, connected(forward) as one, connected(forward) as other:
        one.sendall(b"to be")
        other.sendall(b"or not")
        assert (exactly(one, 5), exactly(other, 6)) == (b"to be", b"or not")
        one.sendall(b"\x00\x01\x72")  # as long as the frame that opens a channel
        assert exactly(one, 3) == b"\x00\x01\x72"
    assert set(server.forwarded) == {("pachd-0", f"ports={PORT}")}
    assert forward.problem == ""


def test_only_the_user_can_open_the_socket_and_it_is_gone_at_the_end() -> None:
    with forwarding(StubApiServer(echo)) as forward:
        folder = forward.socket.parent
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()
    forward.close()


def test_the_end_of_the_command_ends_its_connections() -> None:
    server = StubApiServer(echo)
    with server:
        with PortForward(server.login, PACHD) as forward, connected(forward) as client:
            client.sendall(b"x")
            assert exactly(client, 1) == b"x"
            assert server.connections == 1
        until(lambda: server.connections == 0)


def test_what_a_pod_sends_waits_for_a_slow_reader() -> None:
    block, sent = os.urandom(CHUNK_BYTES), 0

    async def produce(websocket: web.WebSocketResponse) -> None:
        nonlocal sent
        async for _ in received(websocket):
            while sent < BYTES:
                await send(websocket, block)
                sent += len(block)

    with forwarding(StubApiServer(produce)) as forward, connected(forward) as client:
        client.sendall(b"send all")
        until(lambda: sent > 0)
        before = -1
        while before != sent:
            before = sent
            time.sleep(0.3)
        assert before < IN_BUFFERS
        digest = hashlib.sha256()
        for _ in range(BYTES // CHUNK_BYTES):
            digest.update(exactly(client, CHUNK_BYTES))
    assert digest.digest() == hashlib.sha256(block * (BYTES // CHUNK_BYTES)).digest()


def test_what_the_command_sends_waits_for_a_slow_pod() -> None:
    block, go = os.urandom(CHUNK_BYTES), threading.Event()

    async def consume(websocket: web.WebSocketResponse) -> None:
        await asyncio.to_thread(go.wait, 60)
        digest, size = hashlib.sha256(), 0
        async for data in received(websocket):
            digest.update(data)
            size += len(data)
            if size == BYTES:
                await send(websocket, digest.digest())

    content = memoryview(block * (BYTES // CHUNK_BYTES))
    server = StubApiServer(consume)
    go.set()  # for the connection that is made at the start
    with forwarding(server) as forward, connected(forward) as client:
        go.clear()
        client.settimeout(0.5)
        sent = 0
        with suppress(TimeoutError):
            while sent < BYTES:
                sent += client.send(content[sent : sent + CHUNK_BYTES])
        assert 0 < sent < IN_BUFFERS
        go.set()
        client.settimeout(30)
        client.sendall(content[sent:])
        assert exactly(client, 32) == hashlib.sha256(content).digest()


@pytest.mark.parametrize(
    ("part", "status", "kind"),
    [
        ("portforward", 403, KubeForbiddenError),
        ("pods", 403, KubeForbiddenError),
        ("portforward", 401, KubeError),
        ("portforward", 404, KubeError),
    ],
)
def test_a_refusal_names_the_service_and_the_status(part: str, status: int, kind: type[KubeError]) -> None:
    with StubApiServer(echo) as server:
        server.refused[part] = status
        with pytest.raises(KubeError, match=rf"ml/pachd.*\(HTTP {status}\)") as caught:
            PortForward(server.login, PACHD)
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)


def test_without_a_ready_pod_nothing_is_forwarded() -> None:
    with StubApiServer(echo) as server:
        server.pods = [pod("pachd-0", ready=False), pod("pachd-1", ending=True)]
        with pytest.raises(KubeUnavailableError, match="forwarding a port of service ml/pachd: none of its pods is"):
            PortForward(server.login, PACHD)
        with pytest.raises(KubeNotFoundError, match="reading service ml/pachd: it has no port 1"):
            PortForward(server.login, ServiceAddress("ml", "pachd", 1))
    assert server.forwarded == []


def test_an_error_of_the_pod_stays_known_until_a_connection_works() -> None:
    async def refuse(websocket: web.WebSocketResponse) -> None:
        await send(websocket, b"port 1650:\n\tconnection refused\n", ERROR)
        async for _ in received(websocket):
            pass

    async def silent(websocket: web.WebSocketResponse) -> None:
        async for _ in received(websocket):
            arrived.set()

    arrived, server = threading.Event(), StubApiServer(refuse)
    with forwarding(server) as forward:
        with connected(forward) as client:
            assert client.recv(1) == b"", "closed, so that gRPC fails at once"
        assert forward.problem == "pod pachd-0: port 1650: connection refused"
        server.behaviour = silent
        with connected(forward) as client:
            client.sendall(b"x")
            assert arrived.wait(30)
            assert forward.problem, "a connection on which nothing has come back proves nothing"
        server.behaviour = echo
        with connected(forward) as client:
            client.sendall(b"x")
            assert exactly(client, 1) == b"x"
        assert forward.problem == ""


def test_the_next_connection_goes_to_the_pod_that_replaced_the_first() -> None:
    async def end(websocket: web.WebSocketResponse) -> None:
        async for data in received(websocket):
            await send(websocket, data)
            return

    server = StubApiServer(end)
    with forwarding(server) as forward:
        with connected(forward) as client:
            client.sendall(b"x")
            assert exactly(client, 1) == b"x"
            assert client.recv(1) == b"", "the end of the pod ends the connection"
        assert forward.problem == "the connection to pod pachd-0 was closed"
        server.pods, server.behaviour = [pod("pachd-0", ending=True), pod("pachd-1")], echo
        with connected(forward) as client:
            client.sendall(b"y")
            assert exactly(client, 1) == b"y"
        assert forward.problem == ""
        assert [name for name, _query in server.forwarded] == ["pachd-0", "pachd-0", "pachd-1"]
        server.pods = []
        with connected(forward) as client:
            assert client.recv(1) == b""
        assert "none of its pods is ready" in forward.problem


def test_credentials_that_are_gone_midway_end_the_connection_with_their_reason() -> None:
    gone = False
    with StubApiServer(echo) as server:

        def login() -> object:
            if gone:
                raise click.ClickException("kubeconfig x does not exist")
            return server.login()

        with PortForward(login, PACHD) as forward:  # type: ignore[arg-type]
            gone = True
            with connected(forward) as client:
                assert client.recv(1) == b""
            assert forward.problem == "kubeconfig x does not exist"
