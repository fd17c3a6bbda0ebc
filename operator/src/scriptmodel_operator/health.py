"""Serves /healthz, /readyz and /metrics on the address of --health-listen."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from scriptmodel_operator.metrics import CONTENT_TYPE, Metrics

SILENCE_SECONDS = 120.0


class ListenError(Exception):
    """The health server cannot listen on its address."""


@dataclass
class Health:
    """Liveness and readiness of this process.

    The process should be restarted when `beat` is not called any more, since the ticker and each poll call it. That
    the engine or the API server is down is no reason.
    """

    metrics: Metrics
    ready: bool = False
    clock: Callable[[], float] = time.monotonic
    _last: float = 0.0

    def __post_init__(self) -> None:
        self.beat()

    def beat(self) -> None:
        self._last = self.clock()

    def mark_ready(self, ready: bool = True) -> None:
        """Report whether this process is ready: it works, or could take over."""
        self.ready = ready

    @property
    def failure(self) -> str:
        """The reason to restart this process; empty without one."""
        if self.clock() - self._last >= SILENCE_SECONDS:
            return "no tick for two minutes"
        return ""

    async def healthz(self, _request: web.Request) -> web.Response:
        """Answer 200 while the event loop runs and the ticker polls."""
        return _answer(not self.failure, "alive", self.failure)

    async def readyz(self, _request: web.Request) -> web.Response:
        """Answer 200 once the API server answers and serves ScriptModels."""
        return _answer(self.ready, "ready", "waiting for the API server or the CRD")

    async def serve_metrics(self, _request: web.Request) -> web.Response:
        # A thread of its own, since thousands of objects take a quarter of a second.
        content = await asyncio.to_thread(self.metrics.render)
        return web.Response(body=content, headers={"Content-Type": CONTENT_TYPE})


def _answer(healthy: bool, yes: str, no: str) -> web.Response:
    return web.Response(text=f"{yes if healthy else no}\n", status=200 if healthy else 503)


@asynccontextmanager
async def serving(health: Health, listen: str) -> AsyncIterator[None]:
    """Serve on `HOST:PORT` (`:PORT` for all addresses), or not at all if `listen` is empty."""
    if not listen:
        yield
        return
    host, _, port = listen.rpartition(":")
    if not (port.isdecimal() and int(port) in range(2**16)):
        raise ListenError(f"cannot listen on {listen!r}: it must be HOST:PORT, or :PORT for all addresses")
    application = web.Application()
    for path, handler in (("healthz", health.healthz), ("readyz", health.readyz), ("metrics", health.serve_metrics)):
        application.router.add_get(f"/{path}", handler)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host or None, int(port)).start()
        except (OSError, ValueError) as error:
            raise ListenError(f"cannot listen on {listen!r}: {error}") from error
        yield
    finally:
        await runner.cleanup()
