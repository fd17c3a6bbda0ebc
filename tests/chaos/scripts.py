"""The source of the scripts of a life: a ConfigMap, or a web server that injects faults into requests."""

import asyncio
from typing import Any, Protocol, Self

from aiohttp import web

from scriptmodel_operator.kube.client import KubeClient
from tests.chaos.faults import WEB_DELAY_SECONDS, Calls, Kind
from tests.chaos.kubernetes_proxy import STATUS, reset

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
        await asyncio.to_thread(self._kube.request, method, path, "writing the scripts", body)
        self._there = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Do nothing: this source is not deleted with the namespace."""


class OnTheWeb:
    """Two files."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._files = {"notes.txt": b"OPHELIA: Good my lord.\n"}
        self.corpus: Object = {}

    async def put(self, text: str) -> None:
        self._files["hamlet.txt"] = text.encode()

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_get("/plays/{name}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        server = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.corpus = {"http": {"urls": [f"{server}/plays/hamlet.txt", f"{server}/plays/notes.txt"]}}
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        kind = self._calls.arrive("web", "GET scripts")
        if kind is Kind.DELAY:
            await asyncio.sleep(WEB_DELAY_SECONDS)
        elif kind is not None and kind is not Kind.CUT:
            return self._spoil(kind, request)
        content = self._files[request.match_info["name"]]
        response = web.StreamResponse()
        response.content_length = len(content)
        await response.prepare(request)
        if kind is Kind.CUT:
            await response.write(content[: len(content) // 2])
            reset(request)
            return response
        await response.write(content)
        return response

    def _spoil(self, kind: Kind, request: web.Request) -> web.StreamResponse:
        if kind.kills:
            self._calls.kill()
        if kind in STATUS:
            return web.Response(status=STATUS[kind])
        reset(request)
        return web.Response()
