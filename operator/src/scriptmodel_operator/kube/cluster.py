"""The API server for many threads: requests over a `KubeClient`, whose event loop is in another thread."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, TypeVar

import aiohttp

from scriptmodel_operator.engine.counting import Called, counted, ignored
from scriptmodel_operator.engine.errors import (
    AccessError,
    ConflictError,
    EngineError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from scriptmodel_operator.kube.client import KubeClient
from scriptmodel_operator.kube.errors import KubeError, KubeUnavailableError

T = TypeVar("T")

_ERRORS: Mapping[int, type[EngineError]] = {401: AccessError, 403: AccessError, 404: NotFoundError, 409: ConflictError}
_FIRST_SECONDS = 2.0
"""An API server sends an error at once, but the header of a log only with its first line."""
_LONGEST_LINE = 1 << 20
_CALL_SECONDS = 60.0
"""Longest wait for a request: its own deadline, and its turn among those of other threads."""
_CHECK_SECONDS = 0.5
"""How often a thread that waits for the event loop checks that the loop still runs."""
ENDING = "the program is ending"
_KIND = re.compile(r"/v1(?:/namespaces/[^/?]+)?/([a-z]+)")


class KubeCluster:
    """Implements `jobs.ports.Cluster`."""

    def __init__(self, client: KubeClient, loop: asyncio.AbstractEventLoop, called: Called = ignored) -> None:
        self._client = client
        self._loop = loop
        self._called = called
        self._calls: set[Future[Any]] = set()
        self._closed = False

    def close(self) -> None:
        """End the calls in progress, and refuse others: whoever waits for them may wait in the event loop."""
        self._closed = True
        for call in tuple(self._calls):
            call.cancel()

    def request(
        self,
        method: str,
        path: str,
        what: str,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> dict[str, Any]:
        kind = _KIND.search(path)
        with counted(self._called, f"{method} {kind[1] if kind else '?'}"):
            return self._run(self._client.request(method, path, what, body, content_type, accept), what)

    def lines(self, path: str, what: str, seconds: float) -> KubeLines:
        return KubeLines(self._client.stream(path, what, seconds), self._loop, what, seconds)

    def _run(self, call: Coroutine[Any, Any, T], what: str) -> T:
        started = asyncio.run_coroutine_threadsafe(call, self._loop)
        self._calls.add(started)
        if self._closed:
            started.cancel()
        try:
            return _result(started, self._loop, what, _CALL_SECONDS)
        except KubeError as error:
            raise translated(error, what) from error
        except CancelledError as error:
            raise UnavailableError(what, ENDING) from error
        finally:
            self._calls.discard(started)


class KubeLines:
    """The lines of an answer as they come; a line that is too long comes in pieces."""

    def __init__(
        self,
        call: Coroutine[Any, Any, aiohttp.ClientResponse],
        loop: asyncio.AbstractEventLoop,
        what: str,
        seconds: float,
    ) -> None:
        self._loop, self._what, self._seconds, self._cancelled = loop, what, seconds + _CALL_SECONDS, False
        self._response = asyncio.run_coroutine_threadsafe(call, loop)
        with suppress(TimeoutError):
            self._response.exception(_FIRST_SECONDS)
        if self._response.done():
            self._opened()

    def __iter__(self) -> Iterator[str]:
        rest = b""
        while piece := self._read():
            *lines, rest = (rest + piece).split(b"\n")
            if len(rest) > _LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            yield from (line.decode(errors="replace") for line in lines)
        if rest:
            yield rest.decode(errors="replace")

    def cancel(self) -> None:
        self._cancelled = True
        if self._response.done() and not self._response.cancelled() and not self._response.exception():
            self._loop.call_soon_threadsafe(self._response.result().close)
        self._response.cancel()

    def _opened(self) -> aiohttp.ClientResponse:
        try:
            return _result(self._response, self._loop, self._what, self._seconds)
        except KubeError as error:
            raise translated(error, self._what) from error

    def _read(self) -> bytes:
        """Return the next bytes; none at the end, after `cancel`, and once the time is over."""
        try:
            content = self._opened().content
            read = asyncio.run_coroutine_threadsafe(content.readany(), self._loop)
            return _result(read, self._loop, self._what, self._seconds)
        except (TimeoutError, CancelledError):
            return b""
        except (aiohttp.ClientError, EngineError) as error:
            if self._cancelled:
                return b""
            if isinstance(error, EngineError):
                raise
            raise UnavailableError(self._what, str(error) or type(error).__name__) from error


def _result(call: Future[T], loop: asyncio.AbstractEventLoop, what: str, seconds: float) -> T:
    """Return the result of a call in another thread's event loop. Raises UnavailableError if that loop has stopped."""
    deadline = time.monotonic() + seconds
    while loop.is_running() and time.monotonic() < deadline:
        with suppress(TimeoutError):
            call.exception(_CHECK_SECONDS)
        if call.done():
            return call.result()
    call.cancel()
    raise UnavailableError(what, f"no answer within {seconds:g} s" if loop.is_running() else ENDING)


def translated(error: KubeError, what: str) -> EngineError:
    unavailable = isinstance(error, KubeUnavailableError) or not error.status
    kind = UnavailableError if unavailable else _ERRORS.get(error.status, RefusedError)
    if kind is AccessError:
        return AccessError(what, error.detail, str(error.status), denied=error.status == 403)
    return kind(what, error.detail, str(error.status or ""))
