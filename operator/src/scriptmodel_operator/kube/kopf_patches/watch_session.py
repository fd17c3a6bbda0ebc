"""HTTP sessions for kopf that report what watches receive, and keep kopf from ending where it should retry."""

import functools
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import aiohttp

from scriptmodel_operator.api.identity import PLURAL
from scriptmodel_operator.kube.client import open_session
from scriptmodel_operator.kube.errors import NOT_INSTALLED
from scriptmodel_operator.kube.heartbeat import WatchHeartbeat
from scriptmodel_operator.kube.kopf_patches.echo_filter import EchoFilter
from scriptmodel_operator.kube.kopf_patches.slim_import import kopf

_HANDLED_BY_KOPF = (401, 429)
"""kopf reads the credentials again for the one and waits for the other."""

_MAX_REPORTED = 300


def watch_session(info: kopf.ConnectionInfo, heartbeat: WatchHeartbeat, echoes: EchoFilter) -> kopf.AiohttpSession:
    """Open a session with the API server whose watches report to `heartbeat` and are filtered by `echoes`.

    kopf retries a request that fails, but ends if an answer breaks off or is not HTTP, or if the CRD or the role is
    gone for a while. So other answers are read whole, and all of these become connection errors.
    """

    class Response(aiohttp.ClientResponse):
        async def start(self, connection: Any) -> aiohttp.ClientResponse:
            try:
                await super().start(connection)
            except aiohttp.ClientResponseError as error:
                raise aiohttp.ClientConnectionError(f"the answer is not HTTP: {error.message}") from error
            heartbeat.received(self.url.path)
            if "watch" in self.url.query and self.ok:
                heartbeat.answered(self.status)
                received = functools.partial(heartbeat.received, self.url.path)
                self.content = _WatchContent(self.content, received, echoes)  # type: ignore[assignment]  # has all of its methods
                return self
            try:
                await self.read()
            except aiohttp.ClientPayloadError as error:
                raise aiohttp.ClientConnectionError(f"the answer broke off: {error}") from error
            if self.url.path.endswith(f"/{PLURAL}"):
                heartbeat.answered(self.status)
                _raise_for_status(self.status, await self.text(errors="replace"))
            return self

    trace = aiohttp.TraceConfig()

    async def sent(_session: aiohttp.ClientSession, _context: SimpleNamespace, request: Any) -> None:
        if request.url.path.endswith(f"/{PLURAL}"):
            heartbeat.opened(request.url.path)

    async def failed(_session: aiohttp.ClientSession, _context: SimpleNamespace, request: Any) -> None:
        """End the silence if the API server refuses the connection: restarting this process would not help."""
        refused = isinstance(request.exception, aiohttp.ClientConnectionError)
        if refused and not isinstance(request.exception, TimeoutError):
            heartbeat.received(request.url.path)

    trace.on_request_start.append(sent)
    trace.on_request_exception.append(failed)
    session = open_session(info, limit=0, response_class=Response, trace_configs=[trace])
    return kopf.AiohttpSession(server=info.server, default_namespace=info.default_namespace, aiohttp_session=session)


def _raise_for_status(status: int, body: str) -> None:
    if status < 400 or status in _HANDLED_BY_KOPF:
        return
    why = NOT_INSTALLED if status == 404 else " ".join(body[:_MAX_REPORTED].split())
    raise aiohttp.ClientConnectionError(f"{why} (HTTP {status})")


class _WatchContent:
    """A StreamReader that reports when it receives something, and drops self-caused events."""

    def __init__(self, content: aiohttp.StreamReader, received: Callable[[], None], echoes: EchoFilter) -> None:
        self._content = content
        self._received = received
        self._echoes = echoes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        return self._echoes.filtered(self._pieces(size))

    async def _pieces(self, size: int) -> AsyncIterator[bytes]:
        async for piece in self._content.iter_chunked(size):
            self._received()
            yield piece
