"""Sends the content of an open page, whenever it has changed, as server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import web

_LEAST_SECONDS = 0.25
_CHARACTERS_A_SECOND = 500_000
"""A page of hundreds of objects is sent less often."""
_ALIVE_SECONDS = 15.0


async def follow(
    request: web.Request, content: Callable[[], Awaitable[str]], changed: asyncio.Event, every: float
) -> web.StreamResponse:
    """Send `content`, which is asked for after `changed` is set and after `every` seconds, until the browser leaves."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    sent, silent = 0, 0.0
    with suppress(ConnectionError):
        await response.prepare(request)
        while True:
            changed.clear()
            html = await content()
            silent += every
            if hash(html) != sent:
                await response.write(f"data: {json.dumps(html)}\n\n".encode())
                sent, silent = hash(html), 0.0
            elif silent >= _ALIVE_SECONDS:
                await response.write(b": alive\n\n")
                silent = 0.0
            await asyncio.sleep(max(_LEAST_SECONDS, len(html) / _CHARACTERS_A_SECOND))
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), every)
    return response
