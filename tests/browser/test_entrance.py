"""How a browser comes in and what it gives to others: in a real Chromium."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import Page, expect

from scriptmodel_cli.web.entrance import Entrance
from scriptmodel_cli.web.gate import Gate
from tests.browser.chromium import chromium

pytestmark = pytest.mark.slow
PAGE = """<!doctype html><form method="post" action="file"><button>Send</button></form><p></p>
<script src="page.js"></script>"""
SCRIPT = """const source = new EventSource("events");
source.onmessage = ({ data }) => ((document.querySelector("p").textContent = data), source.close());"""


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with chromium() as browser:
        yield await browser.new_page()


@asynccontextmanager
async def served() -> AsyncIterator[Entrance]:
    """Serve a page behind the gate."""

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def script(_request: web.Request) -> web.Response:
        return web.Response(text=SCRIPT, content_type="text/javascript")

    async def events(_request: web.Request) -> web.Response:
        return web.Response(text="data: followed\n\n", content_type="text/event-stream")

    async def file(_request: web.Request) -> web.Response:
        return web.Response(text="sent")

    entrance, inner = Entrance(lambda _line: None), web.Application()
    inner.router.add_get("/", page)
    inner.router.add_get("/page.js", script)
    inner.router.add_get("/events", events)
    inner.router.add_post("/file", file)
    app = web.Application(middlewares=[Gate(1, entrance).checks()])
    app.on_response_prepare.append(Gate.secure)
    app.add_subapp(entrance.pages, inner)
    async with TestServer(app) as server:
        entrance.origin = str(server.make_url("/")).rstrip("/")
        yield entrance
    entrance.close()


@asynccontextmanager
async def stranger() -> AsyncIterator[tuple[str, list[str]]]:
    """Serve at another port of the same host, as anybody on the machine can; with the requests that come there."""
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(f"{request.path} {request.headers.get('Cookie', '')}")
        return web.Response(text="<!doctype html><title>strange</title>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/")), seen


@pytest.mark.parametrize("way", ["file", "address"])
async def test_a_browser_comes_in_follows_and_sends_and_gives_no_other_port_its_cookie(page: Page, way: str) -> None:
    async with served() as entrance, stranger() as (address, seen):
        await page.goto(entrance.file().as_uri() if way == "file" else entrance.address())
        await page.wait_for_url(f"{entrance.origin}{entrance.pages}/")
        await expect(page.locator("p")).to_have_text("followed")
        await page.get_by_role("button").click()
        await expect(page.locator("body")).to_have_text("sent")
        await page.goto(f"{entrance.origin}{entrance.pages}/")
        await page.evaluate("address => { location = address }", address)
        await page.wait_for_url(address)
        assert "/ " in seen
        assert not [each for each in seen if "scriptmodel" in each]
