"""Answers with pages, and keeps an open one up to date by its own address, asked for as server-sent events."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from jinja2 import Environment

Values = Mapping[str, Any]
"""What a template shows: `title` is that of the page, `problem` a banner above it."""
Source = Callable[[web.Request], Awaitable[Values]]
_LINK = re.compile(r'(\s(?:href|src|action|data-copy|data-api)=")/')
"""A link of a template; in a text the quotation mark is escaped."""
_EVENTS = "text/event-stream"
_SECONDS, _CHARACTERS_A_SECOND = 0.5, 500_000
"""How often an open page is rendered; one of hundreds of objects less often."""


@dataclass(frozen=True, slots=True)
class Site:
    """Pages in one layout; `layout` returns values that all templates have. Their links start at the path `base`."""

    templates: Environment
    layout: Source
    base: str = ""

    def page(self, template: str, values: Source, *, live: bool = False) -> Handler:
        """Return what answers with a page, which stays up to date if it is live.

        The server must cancel handlers of browsers that have left.
        """

        async def handle(request: web.Request) -> web.StreamResponse:
            if not live or request.headers.get("Accept") != _EVENTS:
                return await self.answer(request, template, {**await values(request), "live": live})
            response = web.StreamResponse(headers={"Content-Type": _EVENTS, "X-Accel-Buffering": "no"})
            sent = 0
            with suppress(ConnectionError):
                await response.prepare(request)
                while True:
                    try:
                        html = await self._rendered("content.html", request, template, await values(request))
                    except web.HTTPNotFound as gone:  # what the page is about was deleted
                        html = f'<p class="warning">{escape(gone.text or gone.reason)}</p>'
                    if hash(html) != sent:
                        await response.write(f"data: {json.dumps(html)}\n\n".encode())
                        sent = hash(html)
                    await asyncio.sleep(max(_SECONDS, len(html) / _CHARACTERS_A_SECOND))
            return response

        return handle

    async def answer(self, request: web.Request, template: str, values: Values, status: int = 200) -> web.Response:
        text = await self._rendered("base.html", request, template, values)
        return web.Response(text=text, content_type="text/html", status=status)

    async def _rendered(self, outer: str, request: web.Request, template: str, values: Values) -> str:
        path = request.path.removeprefix(self.base)
        around = {**await self.layout(request), "path": path, "template": template}
        # In a thread: a page may have megabytes, and others wait for the event loop.
        render = self.templates.get_template(outer).render
        return await asyncio.to_thread(lambda: _LINK.sub(rf"\1{self.base}/", render({**around, **values})))
