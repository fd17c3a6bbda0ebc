"""Refuses requests with a message: in the form of OpenAI's errors to clients of the API, as text to browsers."""

import logging
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import web
from aiohttp.http_exceptions import ContentEncodingError

from scriptmodel_trainer.errors import BadInputError, TrainerError
from scriptmodel_trainer.storage.files import converted, parse_json

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
UNREADABLE = (ValueError, LookupError, ContentEncodingError, web.RequestPayloadError)
"""Errors of a body that is not what the headers of its request say."""
_NAMES = {"words": "max_tokens"}  # ours, and the API's
_KEY = re.compile(r"`\$\.(\w+)")
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


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
    except Refused as refused:
        return _answer(request, refused)
    except TrainerError as error:
        parameter, message = _NAMES.get(error.parameter, error.parameter), error.line().replace("--words", "max_tokens")
        status = 400 if isinstance(error, BadInputError) else 503
        return _answer(request, Refused(status, message, parameter=parameter))
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _answer(request, Refused(error.status, _message(request, error)))
    except Exception:  # a bug, whose traceback belongs into the log; the client receives JSON as for other errors
        logging.getLogger(__name__).exception("%s %s failed", request.method, request.path)
        return _answer(request, Refused(500, "the server failed; its log on standard error has the cause"))


_MESSAGES = {
    404: "there is nothing at this address",
    405: "this address does not answer this method",
    413: "the request is too large: at most 256 KiB",
}


def _message(request: web.Request, error: web.HTTPException) -> str:
    """Return what to say of an error of HTTP; to clients of the API also which addresses there are."""
    message = _MESSAGES.get(error.status, error.text or error.reason)
    if "/v1/" not in request.path or error.status not in (404, 405):
        return message
    there = "POST v1/completions continues the scene that is its `prompt`, GET v1/models names the model"
    return f"{'this model does not chat' if '/chat/' in request.path else message}: {there}"


def _answer(request: web.Request, refused: Refused) -> web.Response:
    headers = {"Retry-After": "2"} if refused.status == 429 else {}
    if "/v1/" not in request.path:
        return web.Response(text=f"{refused.message}\n", status=refused.status, headers=headers)
    error = {
        "message": refused.message,
        "type": _TYPES.get(refused.status, "invalid_request_error" if refused.status < 500 else "server_error"),
        "param": refused.parameter or None,
        "code": None,
    }
    return web.json_response({"error": error}, status=refused.status, headers=headers)
