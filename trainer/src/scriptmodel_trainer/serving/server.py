"""Runs a server until a signal, or the end of the program that started it, stops it."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from scriptmodel_trainer.errors import BadInputError
from scriptmodel_trainer.serving.refusals import explain_refusals
from scriptmodel_trainer.storage.files import read_bounded
from scriptmodel_trainer.web.entrance import Entrance
from scriptmodel_trainer.web.gate import Gate, is_loopback

Routes = Iterable[web.AbstractRouteDef]
Ready = Callable[[str], None]
_LARGEST_BODY = 256 * 1024
"""Bytes of a request."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens; port 0 is a free one. `base_path` is one such as `/models/first`, or empty."""

    host: str
    port: int
    base_path: str
    token_file: Path | None
    until_eof: bool

    def token(self) -> str | None:
        """Return the token of the file, None without one; BadInputError if there must be one or it is too short."""
        if self.token_file is None:
            if not is_loopback(self.host):
                raise BadInputError(f"--host {self.host} lets others in", "give a token with --token-file FILE")
            return None
        try:
            token = read_bounded(self.token_file, 4096).decode("ascii", "replace").strip()
        except OSError as error:
            raise BadInputError(
                f"cannot read {self.token_file}: {error.strerror}", "name a file with a token"
            ) from error
        if len(token) < 16 or not token.isprintable() or " " in token:
            raise BadInputError(f"{self.token_file} holds no token", "write 16 letters and digits or more into it")
        return token


def run(address: Address, routes: Routes, token: str | None, ready: Ready, entrance: Entrance | None = None) -> None:
    """Serve until SIGINT, SIGTERM or, if the address says so, the end of standard input; `ready` is given the URL.

    Browsers come in by the entrance. Raises BadInputError if it cannot listen there.
    """
    try:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        listening = socket.create_server((address.host, address.port), family=family)
    except OSError as error:
        problem = f"cannot listen at {address.host} port {address.port}: {os.strerror(error.errno or 0)}"
        raise BadInputError(problem, "choose another --port, 0 for a free one, or --host") from error
    with listening:
        gate = Gate(address.host, listening.getsockname()[1], address.base_path, token, entrance)
        asyncio.run(_serve(address, routes, gate, listening, ready))


async def _serve(address: Address, routes: Routes, gate: Gate, listening: socket.socket, ready: Ready) -> None:
    app = web.Application(client_max_size=_LARGEST_BODY)
    app.add_routes(routes)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1)
    app.middlewares.extend((explain_refusals, gate.checks()))
    app.on_response_prepare.append(gate.secure)
    app.router.add_get(f"{address.base_path}/healthz", _healthy)
    await runner.setup()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if address.until_eof:
        _watch(loop, stop)
    try:
        await web.SockSite(runner, listening).start()
        host = f"[{address.host}]" if ":" in address.host else address.host
        ready(f"http://{host}:{gate.port}{address.base_path}/")
        await stop.wait()
    finally:
        await runner.cleanup()


def _watch(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Stop the server when standard input ends."""

    def read() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            stop.set()

    try:
        loop.add_reader(sys.stdin.fileno(), read)
    except OSError as error:
        raise BadInputError("--until-eof needs a pipe as standard input", "leave it out") from error


async def _healthy(request: web.Request) -> web.Response:
    del request
    return web.json_response({"status": "ok"})
