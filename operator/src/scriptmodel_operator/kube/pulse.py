"""Whether watches are alive: the API server sends something at least each minute, if only a bookmark.

kopf looks at no bookmarks itself. It opens a silent watch again, but where a proxy takes bytes and passes none on, the
next one is as silent. So its connections are made here, and everything that a watch brings is noted; echoes of our own
writes go no further.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import aiohttp

from scriptmodel_operator.api.identity import PLURAL
from scriptmodel_operator.kube.client import open_session
from scriptmodel_operator.kube.echoes import Echoes
from scriptmodel_operator.kube.errors import NOT_INSTALLED
from scriptmodel_operator.kube.framework import kopf

_HANDLED_BY_KOPF = (401, 429)
"""With credentials that are read again, and with a later request."""

_MOST_TOLD = 300

log = logging.getLogger(__name__)


@dataclass
class Pulse:
    """When each watch, by its path, showed a sign of life."""

    clock: Callable[[], float] = time.monotonic
    served: bool = True
    """The API server serves ScriptModels, to this process: its last answer did not deny it."""
    _last: dict[str, float] = field(default_factory=dict)

    def opened(self, watch: str) -> None:
        """A watch that was never heard of is silent from now on."""
        self._last.setdefault(watch, self.clock())

    def heard(self, watch: str) -> None:
        """From the watch, or from the server of which the same is being listed anew."""
        if watch in self._last:
            self._last[watch] = self.clock()

    def answered(self, status: int) -> None:
        """A list or a watch of ScriptModels, with that HTTP status."""
        before = self.served
        if status < 400 or status in (403, 404):
            self.served = status < 400
        if self.served and not before:
            log.info("the API server serves ScriptModels again")

    @property
    def silence(self) -> float:
        """Seconds since the most silent watch was heard; 0 where there is none."""
        return max((self.clock() - last for last in self._last.values()), default=0.0)


def listening(info: kopf.ConnectionInfo, pulse: Pulse, echoes: Echoes) -> kopf.AiohttpSession:
    """kopf's session with the API server, whose watches are listened to.

    Other answers have come whole when a request returns: kopf sends a request that fails once more, but ends where an
    answer breaks off after its headers, or is none that HTTP knows, as from a broken proxy. It would end, too, where
    ScriptModels are not served for a while: when the CRD is deleted, the role is taken away, or a proxy answers in the
    API server's stead.
    """

    class Response(aiohttp.ClientResponse):
        async def start(self, connection: Any) -> aiohttp.ClientResponse:
            try:
                await super().start(connection)
            except aiohttp.ClientResponseError as error:
                raise aiohttp.ClientConnectionError(f"the answer is no HTTP: {error.message}") from error
            pulse.heard(self.url.path)
            if "watch" in self.url.query and self.ok:
                pulse.answered(self.status)
                heard = functools.partial(pulse.heard, self.url.path)
                self.content = _Listened(self.content, heard, echoes)  # type: ignore[assignment]  # has all of its methods
                return self
            try:
                await self.read()
            except aiohttp.ClientPayloadError as error:
                raise aiohttp.ClientConnectionError(f"the answer broke off: {error}") from error
            if self.url.path.endswith(f"/{PLURAL}"):
                pulse.answered(self.status)
                _raise_for_status(self.status, await self.text(errors="replace"))
            return self

    trace = aiohttp.TraceConfig()

    async def sent(_session: aiohttp.ClientSession, _context: SimpleNamespace, asked: Any) -> None:
        if "watch" in asked.url.query:
            pulse.opened(asked.url.path)

    async def failed(_session: aiohttp.ClientSession, _context: SimpleNamespace, asked: Any) -> None:
        """A server that is away says so at once, or its machine does: to start this process anew would not help."""
        away = isinstance(asked.exception, aiohttp.ClientConnectionError)
        if away and not isinstance(asked.exception, TimeoutError):
            pulse.heard(asked.url.path)

    trace.on_request_start.append(sent)
    trace.on_request_exception.append(failed)
    session = open_session(info, limit=0, response_class=Response, trace_configs=[trace])
    return kopf.AiohttpSession(server=info.server, default_namespace=info.default_namespace, aiohttp_session=session)


def _raise_for_status(status: int, body: str) -> None:
    if status < 400 or status in _HANDLED_BY_KOPF:
        return
    why = NOT_INSTALLED if status == 404 else " ".join(body[:_MOST_TOLD].split())
    raise aiohttp.ClientConnectionError(f"{why} (HTTP {status})")


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
