"""Answers with a page, and keeps an open one up to date by the same address, asked for as server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from html import escape

from aiohttp import web

_EVENTS = "text/event-stream"
_LEAST_SECONDS = 0.25
_CHARACTERS_A_SECOND = 500_000
"""A page of hundreds of objects is sent less often."""


async def answer(
    request: web.Request,
    content: Callable[[], Awaitable[str]],
    whole: Callable[[str], str],
    changed: asyncio.Event,
    every: float,
) -> web.StreamResponse:
    """Answer with the `whole` page, or send its `content` whenever it has changed, until the browser leaves.

    It is asked for after `changed` is set and after `every` seconds. The server must cancel handlers of browsers that
    have left.
    """
    if not every or request.headers.get("Accept") != _EVENTS:
        return web.Response(text=whole(await content()), content_type="text/html")
    response = web.StreamResponse(headers={"Content-Type": _EVENTS, "X-Accel-Buffering": "no"})
    sent = 0
    with suppress(ConnectionError):
        await response.prepare(request)
        while True:
            changed.clear()
            try:
                html = await content()
            except web.HTTPNotFound as gone:  # what the page is about was deleted
                html = f'<p class="warning">{escape(gone.text or gone.reason)}</p>'
            if hash(html) != sent:
                await response.write(f"data: {json.dumps(html)}\n\n".encode())
                sent = hash(html)
            await asyncio.sleep(max(_LEAST_SECONDS, len(html) / _CHARACTERS_A_SECOND))
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), every)
    return response
