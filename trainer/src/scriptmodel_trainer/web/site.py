"""Answers with pages, and keeps an open one up to date by its own address, asked for as server-sent events."""

from __future__ import annotations

import asyncio
import json
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
_EVENTS = "text/event-stream"
_LEAST_SECONDS, _MOST_SECONDS = 0.25, 1.0
"""Between two looks at an open page: the least after a change, and twice as long after each look without one."""
_CHARACTERS_A_SECOND = 500_000
"""A page of hundreds of objects is sent less often."""


@dataclass(frozen=True, slots=True)
class Site:
    """Pages in one layout; `layout` returns the values of `base.html` for a request."""

    templates: Environment
    layout: Callable[[web.Request], Values]

    def page(self, template: str, values: Callable[[web.Request], Awaitable[Values]], *, live: bool = False) -> Handler:
        """Return what answers with a page, which stays up to date if it is live.

        The server must cancel handlers of browsers that have left.
        """

        async def handle(request: web.Request) -> web.StreamResponse:
            if not live or request.headers.get("Accept") != _EVENTS:
                return self.answer(request, template, await values(request), live=live)
            response = web.StreamResponse(headers={"Content-Type": _EVENTS, "X-Accel-Buffering": "no"})
            with suppress(ConnectionError):
                await response.prepare(request)
                await self._follow(response, template, lambda: values(request))
            return response

        return handle

    def answer(
        self, request: web.Request, template: str, values: Values, *, status: int = 200, live: bool = False
    ) -> web.Response:
        """Return a whole page."""
        around = {"path": request.path, "live": live, "template": template, **self.layout(request)}
        text = self.templates.get_template("base.html").render({**values, **around})
        return web.Response(text=text, content_type="text/html", status=status)

    async def _follow(
        self, response: web.StreamResponse, template: str, values: Callable[[], Awaitable[Values]]
    ) -> None:
        """Send the content of a page whenever it has changed."""
        content, sent, pause = self.templates.get_template("content.html"), 0, _LEAST_SECONDS
        while True:
            try:
                html = content.render({**await values(), "template": template})
            except web.HTTPNotFound as gone:  # what the page is about was deleted
                html = f'<p class="warning">{escape(gone.text or gone.reason)}</p>'
            pause = min(_MOST_SECONDS, 2 * pause)
            if hash(html) != sent:
                await response.write(f"data: {json.dumps(html)}\n\n".encode())
                sent, pause = hash(html), _LEAST_SECONDS
            await asyncio.sleep(max(pause, len(html) / _CHARACTERS_A_SECOND))
