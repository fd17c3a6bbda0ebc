"""The source of the scripts of a life: a ConfigMap, or a web server that injects faults into requests."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any, Protocol, Self

from aiohttp import web

from scriptmodel_operator.kube.client import KubeClient
from tests.chaos.faults import WEB_DELAY_SECONDS, Calls, Kind
from tests.chaos.kubernetes_proxy import STATUS, reset
from tests.unit.operator.archives import tar_gz_of

Object = dict[str, Any]


class Scripts(Protocol):
    """`corpus` is the spec's."""

    @property
    def corpus(self) -> Object: ...

    async def put(self, text: str) -> None:
        """Replace all scripts by these."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_error: object) -> None: ...


class InConfigMap:
    def __init__(self, kube: KubeClient, namespace: str) -> None:
        self._kube = kube
        self._path = f"/api/v1/namespaces/{namespace}/configmaps"
        self._there = False
        self.corpus: Object = {"configMap": {"name": "plays"}}

    async def put(self, text: str) -> None:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "plays"}, "data": {"hamlet.txt": text}}
        method, path = ("PUT", f"{self._path}/plays") if self._there else ("POST", self._path)
        await self._kube.request(method, path, "writing the scripts", body)
        self._there = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Do nothing: this source is not deleted with the namespace."""


class OnTheWeb:
    """An archive of two files, behind a server that knows conditional requests."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._archive = b""
        self.corpus: Object = {}

    async def put(self, text: str) -> None:
        self._archive = tar_gz_of({"plays/hamlet.txt": text.encode(), "plays/notes.txt": b"OPHELIA: Good my lord.\n"})

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_get("/plays", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/plays"
        self.corpus = {"http": {"url": url, "interval": "1s"}}
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        kind = self._calls.arrive("web", "GET scripts")
        if kind is Kind.DELAY:
            await asyncio.sleep(WEB_DELAY_SECONDS)
        elif kind is not None and kind is not Kind.CUT:
            return self._spoil(kind, request)
        tag = f'"{hashlib.sha256(self._archive).hexdigest()[:16]}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        response = web.StreamResponse(headers={"ETag": tag})
        response.content_length = len(self._archive)
        await response.prepare(request)
        if kind is Kind.CUT:
            await response.write(self._archive[: len(self._archive) // 2])
            reset(request)
            return response
        await response.write(self._archive)
        return response

    def _spoil(self, kind: Kind, request: web.Request) -> web.StreamResponse:
        if kind.kills:
            self._calls.kill()
        if kind in STATUS:
            return web.Response(status=STATUS[kind])
        reset(request)
        return web.Response()
