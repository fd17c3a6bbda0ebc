"""A browser of `scriptmodel ui`, with the API server and the Pachyderm that its pages read."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from scriptmodel_cli.session import Session
from scriptmodel_cli.ui.reads import Reads
from scriptmodel_cli.ui.server import application
from scriptmodel_cli.web.entrance import Entrance
from scriptmodel_operator.kube.login import Credentials
from tests.unit.operator.api_server import connection
from tests.unit.operator.fake_pachyderm import FakePachyderm
from tests.unit.operator.terminal import as_object
from tests.unit.operator.world import World

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"
MODEL = "/models/ml/thrones"
SECONDS = 60


class Pachd(Session):
    """A session whose Pachyderm is a fake."""

    fake: FakePachyderm

    @contextmanager
    def engine(self, _purpose: str, *_given: Any, **_more: Any) -> Iterator[Any]:
        yield self.fake


class Api:
    """An API server with some ScriptModels; it refuses requests with `status`, if set, or for a path."""

    def __init__(self, objects: list[dict[str, Any]]) -> None:
        self.objects, self.status, self.forbidden = objects, 0, "-"
        self.configmaps: list[dict[str, Any]] = []

    async def answer(self, request: web.Request) -> web.Response:
        if self.status or request.path.endswith(self.forbidden):
            return web.json_response({"message": HOSTILE}, status=self.status or 403)
        if request.path.endswith("/scriptmodels"):
            return web.json_response({"items": self.objects})
        return web.json_response({"items": self.configmaps if "configmaps" in request.path else []})


class Browser:
    """A client that has entered, and the API server and the reads behind it. Paths are those below the entrance."""

    def __init__(self, client: TestClient[Any, Any], api: Api, reads: Reads, entrance: Entrance) -> None:
        self.client, self.api, self.reads, self.entrance = client, api, reads, entrance
        self.notes: list[str] = []

    @property
    def port(self) -> int:
        return int(self.client.port or 0)

    async def get(self, path: str, **headers: str) -> ClientResponse:
        base = self.entrance.pages
        at = path if path.startswith(base) else base + path
        return await self.client.get(URL(at, encoded=True), headers=headers, allow_redirects=False)

    async def page(self, path: str, *words: str) -> str:
        """Return a page once it shows all words, since what it reads comes later."""
        deadline = time.monotonic() + SECONDS
        while True:
            text = await (await self.get(path)).text()
            if all(word in text for word in words):
                return text
            assert time.monotonic() < deadline, f"no {words} in {text}"
            await asyncio.sleep(0.02)

    async def follow(self, path: str) -> ClientResponse:
        """Follow a page as a browser does."""
        return await self.get(path, Accept="text/event-stream")


@asynccontextmanager
async def browsing(*worlds: World | dict[str, Any]) -> AsyncIterator[Browser]:
    """Serve pages about some objects, of which the first one has the Pachyderm."""
    objects = [each if isinstance(each, dict) else as_object(each) for each in worlds]
    for each in objects:
        each["metadata"].setdefault("resourceVersion", "1")
    session = Pachd()
    session.fake = next((each.pachyderm for each in worlds if isinstance(each, World)), FakePachyderm())
    api, served = Api(objects), web.Application()
    served.router.add_get("/{path:.*}", api.answer)
    async with TestServer(served) as server:
        session.__dict__["credentials"] = Credentials(lambda: connection(str(server.make_url("/"))))
        async with entered(Reads(session, "default"), api) as browser:
            yield browser
        await asyncio.to_thread(session.close)


@asynccontextmanager
async def entered(reads: Reads, api: Api) -> AsyncIterator[Browser]:
    """Serve the pages of what is read."""
    listener = socket.create_server(("127.0.0.1", 0))
    port, notes = listener.getsockname()[1], list[str]()
    entrance = Entrance(notes.append)
    app = application(reads, "https://cluster", port, entrance)
    async with TestClient(TestServer(app, port=port, socket_factory=lambda *_: listener)) as client:
        first, entrance.origin = entrance.address(), "http://stage"
        await client.get(first)
        browser = Browser(client, api, reads, entrance)
        browser.notes = notes
        yield browser
