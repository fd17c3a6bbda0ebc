"""Server-sent events: sends the parts of an open page that have changed."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress

from aiohttp import web

from scriptmodel_cli.ui.feed import Feed
from scriptmodel_cli.ui.pages import Page

_LEAST_SECONDS = 0.25
_PAGES = 64
_ALIVE_SECONDS = 15.0

Sent = dict[str, int]
"""Hash of the HTML by element id, as the browser has it."""


class Live:
    """What each page that was just sent contains, until its browser asks for changes."""

    def __init__(self) -> None:
        self._sent: OrderedDict[str, Sent] = OrderedDict()

    def remember(self, parts: Mapping[str, str]) -> str:
        """Return an id under which the browser then asks for changes."""
        name = secrets.token_urlsafe(9)
        self._sent[name] = _hashes(parts)
        while len(self._sent) > _PAGES:
            self._sent.popitem(last=False)
        return name

    async def stream(self, request: web.Request, page: Page, feed: Feed) -> web.StreamResponse:
        """Send changes until the browser leaves."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        sent = self._sent.pop(request.query.get("id", ""), {})
        silent = 0.0
        with feed.subscribed() as changed, suppress(ConnectionError):
            await response.prepare(request)
            while True:
                changed.clear()
                messages = _messages(sent, page.parts())
                for message in messages:
                    await response.write(f"data: {json.dumps(message)}\n\n".encode())
                silent = 0.0 if messages else silent + page.every
                if silent >= _ALIVE_SECONDS:
                    await response.write(b": alive\n\n")
                    silent = 0.0
                await asyncio.sleep(_LEAST_SECONDS)
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), page.every)
        return response


def _hashes(parts: Mapping[str, str]) -> Sent:
    return {name: hash(html) for name, html in parts.items()}


def _messages(sent: Sent, parts: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the parts that differ from what was sent, which is brought up to date.

    The last one comes first, so that each finds the part `before` which it stands.
    """
    messages, before = [], ""
    for name, html in reversed(list(parts.items())):
        if sent.get(name) != hash(html):
            sent[name] = hash(html)
            messages.append({"id": name, "html": html, "before": before})
        before = name
    for name in sent.keys() - parts.keys():
        del sent[name]
        messages.append({"id": name, "html": ""})
    return messages
