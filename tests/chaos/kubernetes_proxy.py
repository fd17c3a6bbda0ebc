"""A proxy in front of an API server, without TLS on the client's side, that injects faults into requests."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import aiohttp
from aiohttp import web

from tests.chaos.faults import DELAY_SECONDS, Calls, Kind

_HOP = {"connection", "transfer-encoding", "content-length", "content-encoding", "host", "accept-encoding"}
STATUS = {Kind.ERROR_BEFORE: 500, Kind.BUSY_BEFORE: 429, Kind.GATEWAY_AFTER: 504}


class KubernetesProxy:
    """`server` is its URL once it is entered."""

    def __init__(self, target: str, trusted: ssl.SSLContext, calls: Calls) -> None:
        self._target = target
        self._trusted = trusted
        self._calls = calls
        self.server = ""

    async def __aenter__(self) -> KubernetesProxy:
        connector = aiohttp.TCPConnector(ssl=self._trusted, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        application = web.Application(client_max_size=1 << 25)
        application.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.server = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        kind = self._calls.arrive("kubernetes", _name(request))
        body = await request.read()
        if kind is Kind.DELAY:
            await asyncio.sleep(DELAY_SECONDS)
        if kind and kind.before:
            return self._spoil(kind, request)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        url = self._target + request.raw_path
        timeout = aiohttp.ClientTimeout(total=None)
        async with self._session.request(
            request.method, url, data=body or None, headers={**headers, "Accept-Encoding": "identity"}, timeout=timeout
        ) as answer:
            part = self._stream if "watch" in request.query else self._whole
            try:
                return await part(request, kind, answer)
            except aiohttp.ClientConnectionResetError:
                return web.Response()  # the operator has gone

    async def _whole(self, request: web.Request, kind: Kind | None, answer: Any) -> web.StreamResponse:
        content = await answer.read()
        if kind and kind not in (Kind.DELAY, Kind.CUT):
            return self._spoil(kind, request)
        response = web.StreamResponse(status=answer.status, headers=_answered(answer))
        response.content_length = len(content)
        await response.prepare(request)
        if kind is Kind.CUT:
            await response.write(content[: len(content) // 2])
            reset(request)
            return response
        await response.write(content)
        return response

    async def _stream(self, request: web.Request, kind: Kind | None, answer: Any) -> web.StreamResponse:
        """Proxy a watch; a fault is injected after it has started and, if it is cut, after it has delivered something.

        To fail with a status, another answer starts within the stream, as broken proxies do.
        """
        response = web.StreamResponse(status=answer.status, headers=_answered(answer))
        await response.prepare(request)
        if kind and kind not in (Kind.DELAY, Kind.CUT):
            return self._spoil(kind, request)
        async for piece in answer.content.iter_any():
            await response.write(piece)
            if kind is Kind.CUT:
                reset(request)
                break
        return response

    def _spoil(self, kind: Kind, request: web.Request) -> web.StreamResponse:
        if kind.kills:
            self._calls.kill()
        if kind in STATUS:
            body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": f"injected: {kind.value}"}
            return web.json_response(body, status=STATUS[kind])
        reset(request)
        return web.Response()


def reset(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _name(request: web.Request) -> str:
    """`PATCH scriptmodels/status`; names and namespaces left out."""
    parts = request.path.strip("/").split("/")
    if "namespaces" in parts:
        rest = parts[parts.index("namespaces") + 2 :]
        parts = [rest[0], *rest[2:]] if rest else ["namespaces"]
    method = request.method
    if method == "GET" and "scriptmodels" in request.path:
        method = "WATCH" if "watch" in request.query else "LIST"
    return f"{method} {'/'.join(parts)}"


def _answered(answer: Any) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
