"""The gRPC interceptor: errors become statuses, unsupported calls get a message."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import grpc

from localpach.access import Token
from localpach.errors import FULL, PachError, is_full, log_error
from localpach.unsupported import checked

log = logging.getLogger(__name__)

GENERATED = "APIServicer."
"""The class that has the methods that no service of localpach implements."""
_AUTH, _NO_AUTH = "/auth_v2.API/", "the auth service is not activated"
"""Clients take these words for a server whose users need not log in."""


class ErrorTranslation(grpc.ServerInterceptor):  # type: ignore[type-arg]  # generic in its stubs only
    """A gRPC interceptor that checks tokens, converts errors to statuses and logs each call.

    Without `token` every call is accepted, as of the owner of a socket.
    """

    def __init__(self, token: Token | None) -> None:
        self._token = token

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        method = details.method
        handler = continuation(details)
        if handler is None or _inner(handler).__qualname__.startswith(GENERATED):
            unsupported = f"localpach does not support {method.rpartition('/')[2]}"
            return _refusal(grpc.StatusCode.UNIMPLEMENTED, _NO_AUTH if method.startswith(_AUTH) else unsupported)
        try:
            if self._token is not None:
                self._token.check(dict(details.invocation_metadata))
        except PachError as error:
            return _refusal(error.code, error.message)
        return _wrapped(handler, method)


def _inner(handler: grpc.RpcMethodHandler[Any, Any]) -> Any:
    return handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream


def _refusal(code: grpc.StatusCode, message: str) -> grpc.RpcMethodHandler[Any, Any]:
    """Return a handler that refuses a call and never receives its messages: only those of a stream wait for a read."""

    def answer(_requests: Iterator[bytes], context: grpc.ServicerContext) -> NoReturn:
        context.abort(code, message)

    return grpc.stream_stream_rpc_method_handler(answer)


def _wrapped(handler: grpc.RpcMethodHandler[Any, Any], method: str) -> grpc.RpcMethodHandler[Any, Any]:
    inner = _inner(handler)
    # A call that receives a stream yields its one response, too, so that it can act after it.
    streams = handler.request_streaming or handler.response_streaming

    def single(request: Any, context: grpc.ServicerContext) -> Any:
        with _reporting(method, context):
            return inner(checked(request), context)

    def streaming(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        with _reporting(method, context):
            yield from inner(map(checked, request) if handler.request_streaming else checked(request), context)

    kind = ("stream" if handler.request_streaming else "unary") + ("_stream" if streams else "_unary")
    make = getattr(grpc, f"{kind}_rpc_method_handler")
    wrapped: grpc.RpcMethodHandler[Any, Any] = make(
        streaming if streams else single,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )
    return wrapped


@contextmanager
def _reporting(method: str, context: grpc.ServicerContext) -> Iterator[None]:
    """Abort a call that raises an error with its status, and log each call."""
    start, ending = time.monotonic(), ""
    try:
        yield
    except PachError as error:
        ending = f": {error.code.name} {error.message}"
        context.abort(error.code, error.message)
    except Exception as error:  # a bug: log its traceback, respond with INTERNAL
        if (type(error) is Exception and not error.args) or not context.is_active():
            raise  # gRPC ends an aborted call by the former
        log_error(log, f"error in {method}", error)
        if is_full(error):
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, FULL)
        context.abort(grpc.StatusCode.INTERNAL, f"internal error in localpach: {type(error).__name__}: {error}")
    finally:
        log.debug("%s in %.1f ms%s", method, 1000 * (time.monotonic() - start), ending)
