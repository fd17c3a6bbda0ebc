"""/healthz, /readyz and /metrics, where --health-listen asks for them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from scriptmodel_operator.kube.pulse import Pulse
from scriptmodel_operator.metrics import CONTENT_TYPE, Metrics

SILENCE_SECONDS = 120.0
LARGEST_PORT = 65_535
WATCH_SILENCE_SECONDS = 110.0
"""Of a watch. The API server sends a bookmark each minute where it has nothing else."""


class ListenError(Exception):
    """The address cannot be listened on."""


@dataclass
class Health:
    """`beat` is called by the ticker, and by a look that is under way: when it stays away, the process hangs and should
    be started anew.

    So it should when a watch is open that brings nothing, not even bookmarks: objects change unseen. Pachyderm being
    away is no reason; neither is the API server being away.
    """

    metrics: Metrics
    ready: bool = False
    pulse: Pulse = field(default_factory=Pulse)
    clock: Callable[[], float] = time.monotonic
    _last: float = 0.0

    def __post_init__(self) -> None:
        self.beat()

    def beat(self) -> None:
        self._last = self.clock()

    def can_take_over(self) -> None:
        """The API server answers a replica that stands by."""
        self.ready = True

    @property
    def trouble(self) -> str:
        """Why the process should be started anew; empty while it need not."""
        if self.clock() - self._last >= SILENCE_SECONDS:
            return "no tick for two minutes"
        if self.pulse.silence >= WATCH_SILENCE_SECONDS:
            return f"a watch has brought nothing for {self.pulse.silence:.0f} s, not even a bookmark"
        return ""

    async def healthz(self, _request: web.Request) -> web.Response:
        """Alive: the event loop turns, the ticker ticks, and watches bring something."""
        return _answer(not self.trouble, "alive", self.trouble)

    async def readyz(self, _request: web.Request) -> web.Response:
        """Ready: the API server was reached and serves ScriptModels."""
        return _answer(self.ready and self.pulse.served, "ready", "waiting for the API server or the CRD")

    async def figures(self, _request: web.Request) -> web.Response:
        return web.Response(text=self.metrics.render(), headers={"Content-Type": CONTENT_TYPE})


def _answer(good: bool, yes: str, no: str) -> web.Response:
    return web.Response(text=f"{yes if good else no}\n", status=200 if good else 503)


@asynccontextmanager
async def serving(health: Health, listen: str) -> AsyncIterator[None]:
    """Serve on `HOST:PORT` (`:PORT` for all addresses); nothing is served for an empty string."""
    if not listen:
        yield
        return
    host, _, port = listen.rpartition(":")
    if not (port.isdecimal() and int(port) <= LARGEST_PORT):
        raise ListenError(f"cannot listen on {listen!r}: it must be HOST:PORT, or :PORT for all addresses")
    application = web.Application()
    application.add_routes(
        [
            web.get("/healthz", health.healthz),
            web.get("/readyz", health.readyz),
            web.get("/metrics", health.figures),
        ]
    )
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
