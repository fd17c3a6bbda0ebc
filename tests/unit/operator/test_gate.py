"""A server that everybody on this machine may ask: no page of another site may."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from scriptmodel_cli.web.gate import Gate


@pytest.mark.parametrize(
    ("port", "headers", "status"),
    [
        (80, {"Host": "127.0.0.1"}, 404),  # as a browser writes it
        (80, {"Host": "localhost:80"}, 404),
        (80, {"Host": "localhost", "Origin": "http://localhost"}, 404),
        (8080, {"Host": "[::1]:8080"}, 404),
        (8080, {"Host": "127.0.0.1"}, 403),
        (8080, {"Host": "evil.example:8080"}, 403),  # a name that leads here
        (8080, {"Host": "127.0.0.1:8080", "Origin": "http://evil.example"}, 403),
        (8080, {"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:1"}, 403),
    ],
)
async def test_only_its_own_pages_may_ask_a_server_without_a_token(
    port: int, headers: dict[str, str], status: int
) -> None:
    app = web.Application(middlewares=[Gate("127.0.0.1", port, "").checks()])
    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/", headers=headers)).status == status
