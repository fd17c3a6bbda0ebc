"""The client of the API server: credentials that are renewed, deadlines, and writes that touch no other object."""

import asyncio
import json
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from scriptmodel_cli.session import Session
from scriptmodel_operator.api.identity import FINALIZER
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.errors import KubeError, KubeUnavailableError
from scriptmodel_operator.kube.gateway import remove_finalizer, write_status
from scriptmodel_operator.kube.kopf_patches.slim_import import kopf
from scriptmodel_operator.kube.kubeconfig import Connection
from scriptmodel_operator.leadership import UNLIMITED
from tests.lease import Lease
from tests.unit.operator.connecting import key_and_certificate
from tests.unit.operator.world import scriptmodel

STATUS = {"conditions": [{"type": "Ready"}]}


class Server:
    """Accepts requests with the token `valid`."""

    def __init__(self) -> None:
        self.valid = "one"
        self.requested: list[tuple[str, str, Any]] = []
        """Method, path and body of each request that was let in."""
        self.raw = ""
        """The newest address, as it was sent."""
        self.refused = 0
        self.arrived = 0
        """Number of requests with a valid token."""
        self.admits = asyncio.Event()
        self.admits.set()
        self.delay = 0.0
        self.page = ""
        """What is answered in place of JSON."""

    async def answer(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.valid}":
            self.refused += 1
            return web.json_response({"message": "Unauthorized"}, status=401)
        self.arrived += 1
        await self.admits.wait()
        await asyncio.sleep(self.delay)
        self.raw = request.raw_path
        text = await request.text()
        self.requested.append((request.method, request.path, json.loads(text) if text else None))
        return web.Response(text=self.page) if self.page else web.json_response({"items": []})


@asynccontextmanager
async def running(tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[Server, str]]:
    server, application = Server(), web.Application()
    application.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield server, f"http{'s' if tls else ''}://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def logging_in(url: str, tokens: list[str]) -> Any:
    """Each login reads the next token; the last one stays."""
    return lambda: kopf.ConnectionInfo(server=url, token=tokens.pop(0) if len(tokens) > 1 else tokens[0])


async def test_a_name_is_no_more_than_one_part_of_an_address() -> None:
    async with running() as (server, url):
        client = KubeClient(logging_in(url, ["one"]), UNLIMITED)
        await client.get_scriptmodel("ml", "a/b?c")
        assert server.raw == "/apis/scriptmodel.dev/v1alpha1/namespaces/ml/scriptmodels/a%2Fb%3Fc"
        await client.close()


async def test_changes_by_the_command_have_their_own_field_manager() -> None:
    """kubectl names the manager of a field if two managers set different values."""
    async with running() as (server, url):
        people = Session(namespace="ml")
        people.__dict__["_client"] = KubeClient(logging_in(url, ["one"]), UNLIMITED)
        await asyncio.to_thread(people.patch, "thrones", {"spec": {"suspend": True}})
        assert server.raw.endswith("/scriptmodels/thrones?fieldManager=scriptmodel")
        await asyncio.to_thread(people.close)


async def test_a_token_that_is_no_longer_valid_is_read_again_and_the_request_is_made() -> None:
    async with running() as (server, url):
        client = KubeClient(logging_in(url, ["one", "two"]), UNLIMITED)
        await client.list_scriptmodels(None)
        server.valid = "two"
        await client.list_scriptmodels(None)
        await client.list_scriptmodels(None)
        assert (len(server.requested), server.refused) == (3, 1)
        server.valid = "three"
        with pytest.raises(KubeError, match="Unauthorized"):
            await client.list_scriptmodels(None)
        assert server.refused == 3, "once more, and not for ever"
        await client.close()


async def test_a_new_token_breaks_no_request_in_flight_and_is_read_once() -> None:
    tokens, logins = ["one", "two"], []

    def login() -> kopf.ConnectionInfo:
        logins.append(tokens[0])
        return kopf.ConnectionInfo(server=url, token=tokens.pop(0))

    async with running() as (server, url), asyncio.timeout(30):
        client = KubeClient(login, UNLIMITED)
        server.admits.clear()
        early = [asyncio.create_task(client.list_scriptmodels(None)) for _ in range(8)]
        while server.arrived < 8:
            await asyncio.sleep(0.01)
        server.valid = "two"
        late = [asyncio.create_task(client.list_scriptmodels(None)) for _ in range(8)]
        while server.arrived < 16:
            await asyncio.sleep(0.01)
        server.admits.set()
        assert await asyncio.gather(*early, *late) == [[]] * 16
        assert (logins, server.refused) == (["one", "two"], 8)
        await client.close()


async def test_a_server_that_does_not_answer_is_reported_with_the_waiting_time() -> None:
    async with running() as (server, url):
        server.delay = 1.0
        client = KubeClient(logging_in(url, ["one"]), Lease(0.2))
        with pytest.raises(KubeUnavailableError, match=r"listing ScriptModels: no answer within 0\.2 s"):
            await client.list_scriptmodels(None)
        await client.close()


async def test_who_may_not_act_any_more_sends_nothing() -> None:
    lease = Lease(5.0)
    async with running() as (server, url):
        client = KubeClient(logging_in(url, ["one"]), lease)
        await client.list_scriptmodels(None)
        lease.remaining = 0.0
        with pytest.raises(KubeUnavailableError, match="does not lead"):
            await client.list_scriptmodels(None)
        assert len(server.requested) == 1
        await client.close()


async def test_a_write_names_the_version_that_it_is_based_on() -> None:
    """A newer object of the same name, or a newer list of finalizers, must not be changed."""
    async with running() as (server, url):
        client = KubeClient(logging_in(url, ["one"]), UNLIMITED)
        model = scriptmodel()
        raw = {"metadata": {"namespace": "ml", "name": "thrones", "resourceVersion": "7", "finalizers": [FINALIZER]}}
        assert await write_status(client, model, model.status) is None, "equal ones are not written"
        await write_status(client, model, STATUS)
        await remove_finalizer(client, raw)
        (_, status_path, status), (_, object_path, patch) = server.requested
        assert status_path == f"{object_path}/status"
        assert status[0] == {"op": "test", "path": "/metadata/uid", "value": "uid-1"}
        assert patch == {"metadata": {"resourceVersion": "7", "finalizers": []}}
        await client.close()


@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")  # aiohttp 3 has no other way for a session
@pytest.mark.parametrize("server", ["https://api.example.com", "http://api.example.com"])
async def test_a_proxy_gets_its_password_and_messages_do_not(server: str) -> None:
    heads = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as proxy:
        address = f"http://someone:secret@127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        client = KubeClient(lambda: kopf.ConnectionInfo(server=server, proxy_url=address), UNLIMITED)
        with pytest.raises(KubeError) as caught:
            await client.request("GET", "/x", "asking")
        await client.close()
    assert "407" in str(caught.value)
    assert "secret" not in repr(caught.value) + repr(caught.value.__cause__)
    assert b"Proxy-Authorization: Basic " + b64encode(b"someone:secret") in heads[0]


@pytest.mark.parametrize(("name", "accepted"), [("api.internal", True), ("other.internal", False), (None, False)])
async def test_the_certificate_must_have_the_tls_server_name(tmp_path: Path, name: str | None, accepted: bool) -> None:
    key, certificate = key_and_certificate("api.internal")
    (tmp_path / "pair.pem").write_bytes(key + certificate)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "pair.pem")
    async with running(tls) as (server, url):
        connection = Connection(server=url, scheme="Bearer one", ca_data=certificate, tls_server_name=name)
        client = KubeClient(lambda: connection, UNLIMITED)
        if accepted:
            assert await client.list_scriptmodels(None) == []
        else:
            with pytest.raises(KubeUnavailableError, match="certificate"):
                await client.list_scriptmodels(None)
        assert len(server.requested) == accepted
        await client.close()


@pytest.mark.parametrize("page", ["<html>Log in</html>", "[]"])
async def test_an_answer_that_is_no_object_is_not_taken_for_an_empty_list(page: str) -> None:
    async with running() as (server, url):
        server.page = page
        client = KubeClient(logging_in(url, ["one"]), UNLIMITED)
        with pytest.raises(KubeError, match="is this the address of an API server"):
            await client.list_scriptmodels(None)
        await client.close()
