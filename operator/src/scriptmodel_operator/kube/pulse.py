"""Whether watches are alive: the API server sends something at least each minute, if only a bookmark.

kopf looks at no bookmarks itself. It opens a silent watch again, but where a proxy takes bytes and passes none on, the
next one is as silent. So its connections are made here, and everything that a watch brings is noted; echoes of our own
writes go no further.
"""

from __future__ import annotations

import functools
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import aiohttp

from scriptmodel_operator.kube.client import open_session
from scriptmodel_operator.kube.echoes import Echoes
from scriptmodel_operator.kube.framework import kopf


@dataclass
class Pulse:
    """When each watch, by its path, showed a sign of life."""

    clock: Callable[[], float] = time.monotonic
    _last: dict[str, float] = field(default_factory=dict)

    def opened(self, watch: str) -> None:
        """A watch that was never heard of is silent from now on."""
        self._last.setdefault(watch, self.clock())

    def heard(self, watch: str) -> None:
        self._last[watch] = self.clock()

    @property
    def silence(self) -> float:
        """Seconds since the most silent watch was heard; 0 where there is none."""
        return max((self.clock() - last for last in self._last.values()), default=0.0)


def listening(info: kopf.ConnectionInfo, pulse: Pulse, echoes: Echoes) -> kopf.AiohttpSession:
    """kopf's session with the API server, whose watches are listened to.

    Other answers have come whole when a request returns: kopf sends a request that fails once more, but ends where an
    answer breaks off after its headers.
    """

    class Response(aiohttp.ClientResponse):
        async def start(self, connection: Any) -> aiohttp.ClientResponse:
            await super().start(connection)
            if "watch" in self.url.query:
                pulse.heard(self.url.path)
                heard = functools.partial(pulse.heard, self.url.path)
                self.content = _Listened(self.content, heard, echoes)  # type: ignore[assignment]  # has all of its methods
                return self
            try:
                await self.read()
            except aiohttp.ClientPayloadError as error:
                raise aiohttp.ClientConnectionError(f"the answer broke off: {error}") from error
            return self

    trace = aiohttp.TraceConfig()

    async def sent(_session: aiohttp.ClientSession, _context: SimpleNamespace, asked: Any) -> None:
        if "watch" in asked.url.query:
            pulse.opened(asked.url.path)

    async def failed(_session: aiohttp.ClientSession, _context: SimpleNamespace, asked: Any) -> None:
        """A server that is away says so at once, or its machine does: to start this process anew would not help."""
        away = isinstance(asked.exception, aiohttp.ClientConnectionError)
        if "watch" in asked.url.query and away and not isinstance(asked.exception, TimeoutError):
            pulse.heard(asked.url.path)

    trace.on_request_start.append(sent)
    trace.on_request_exception.append(failed)
    session = open_session(info, limit=0, response_class=Response, trace_configs=[trace])
    return kopf.AiohttpSession(server=info.server, default_namespace=info.default_namespace, aiohttp_session=session)


class _Listened:
    """A StreamReader that says when something came, and keeps echoes to itself."""

    def __init__(self, content: aiohttp.StreamReader, heard: Callable[[], None], echoes: Echoes) -> None:
        self._content = content
        self._heard = heard
        self._echoes = echoes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        return self._echoes.dropped(self._pieces(size))

    async def _pieces(self, size: int) -> AsyncIterator[bytes]:
        async for piece in self._content.iter_chunked(size):
            self._heard()
            yield piece
