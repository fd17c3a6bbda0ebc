"""Serves on this machine until a signal, and refuses requests with a message: as OpenAI's errors below `/v1/`."""

import asyncio
import logging
import os
import re
import signal
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from aiohttp import web
from aiohttp.http_exceptions import ContentEncodingError

from scriptmodel_trainer.errors import BadInputError, TrainerError
from scriptmodel_trainer.storage.files import converted, parse_json
from scriptmodel_trainer.web.entrance import Entrance
from scriptmodel_trainer.web.gate import HOST, Gate

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
UNREADABLE = (ValueError, LookupError, ContentEncodingError, web.RequestPayloadError)
"""Errors of a body that is not what the headers of its request say."""
_LARGEST_BODY = 256 * 1024
_NAMES = {"words": "max_tokens"}  # ours, and the API's
_KEY = re.compile(r"`\$\.(\w+)")
_MESSAGES = {
    404: "there is nothing at this address",
    405: "this address does not answer this method",
    413: "the request is too large: at most 256 KiB",
}
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_THERE = "POST v1/completions continues the scene that is its `prompt`, GET v1/models names the model"


class Refused(Exception):  # noqa: N818  # a request that is refused is no error of the server
    """A request that is not answered, with its HTTP status; `parameter` is the key of the request at fault."""

    def __init__(self, status: int, message: str, *, parameter: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.parameter = status, message, parameter


async def read(request: web.Request, kind: type[T]) -> T:
    """Return the body of a request, JSON of that kind; raises Refused with the key at fault if it is not."""
    try:
        return converted(parse_json(await request.read()), kind)
    except UNREADABLE as error:
        key = _KEY.search(str(error))
        raise Refused(400, f"the request is not valid: {error}", parameter=key[1] if key else "") from error


@web.middleware
async def explain_refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a request that is refused, or that fails, with what is wrong."""
    try:
        return await handler(request)
    except Refused as error:
        refused = error
    except TrainerError as error:
        message = error.line().replace("--words", "max_tokens")
        status = 400 if isinstance(error, BadInputError) else 503
        refused = Refused(status, message, parameter=_NAMES.get(error.parameter, error.parameter))
    except web.HTTPException as error:
        if error.status < 400:
            raise
        message = _MESSAGES.get(error.status, error.text or error.reason)
        if "/v1/" in request.path and error.status in (404, 405):
            message = f"{'this model does not chat' if '/chat/' in request.path else message}: {_THERE}"
        refused = Refused(error.status, message)
    except Exception:  # a bug, whose traceback belongs into the log; the client receives JSON as for other errors
        logging.getLogger(__name__).exception("%s %s failed", request.method, request.path)
        refused = Refused(500, "the server failed; its log on standard error has the cause")
    return _answer(request, refused)


def _answer(request: web.Request, refused: Refused) -> web.Response:
    status, headers = refused.status, {"Retry-After": "2"} if refused.status == 429 else {}
    if "/v1/" not in request.path:
        return web.Response(text=f"{refused.message}\n", status=status, headers=headers)
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    error = {"message": refused.message, "type": kind, "param": refused.parameter or None, "code": None}
    return web.json_response({"error": error}, status=status, headers=headers)


def run(
    port: int, routes: Iterable[web.AbstractRouteDef], ready: Callable[[str], None], entrance: Entrance | None = None
) -> None:
    """Serve at a port, 0 for a free one, until SIGINT or SIGTERM; `ready` is given the address without a slash.

    Browsers come in by the entrance. Raises BadInputError if it cannot listen there.
    """
    try:
        listening = socket.create_server((HOST, port))
    except OSError as error:
        problem = f"cannot listen at {HOST} port {port}: {os.strerror(error.errno or 0)}"
        raise BadInputError(problem, "choose another --port, 0 for a free one") from error
    with listening:
        asyncio.run(_serve(listening, routes, ready, entrance))


async def _serve(
    listening: socket.socket,
    routes: Iterable[web.AbstractRouteDef],
    ready: Callable[[str], None],
    entrance: Entrance | None,
) -> None:
    gate = Gate(listening.getsockname()[1], entrance)
    app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[explain_refusals, gate.checks()])
    app.add_routes(routes)
    app.on_response_prepare.append(gate.secure)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1)
    await runner.setup()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await web.SockSite(runner, listening).start()
        ready(f"http://{HOST}:{gate.port}")
        await stop.wait()
    finally:
        await runner.cleanup()
