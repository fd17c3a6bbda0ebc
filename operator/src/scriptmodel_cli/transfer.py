"""Reads and writes objects of a bucket by presigned URLs."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, BinaryIO, TypeVar
from urllib.error import HTTPError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import HTTPHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from scriptmodel_operator.engine.errors import AccessError, NotFoundError, RefusedError, UnavailableError
from scriptmodel_operator.engine.fetching import TIMED_OUT
from scriptmodel_operator.jobs.ports import PUT_HEADERS

T = TypeVar("T")

_SILENCE_SECONDS = 30.0
_PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Before the tries that follow the first one, in seconds."""
_PIECE_BYTES = 1 << 18
_CODE = re.compile(rb"<Code>([A-Za-z]{1,64})</Code>")


class _Connection(HTTPConnection):
    """Reads an answer that comes before the request was sent whole, as of a bucket that has no room for it."""

    def request(self, *given: Any, **named: Any) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # without an answer, reading it fails
            super().request(*given, **named)


class _SecureConnection(HTTPSConnection, _Connection):
    pass


class _Handler(HTTPHandler, HTTPSHandler):
    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_Connection, req)

    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_SecureConnection, req)


class Transfer:
    """Transfers objects; one that fails for a moment is tried again.

    `tunnel` returns the HOST:PORT to connect to in place of that of a URL, as of a port-forward; empty for its own.
    """

    def __init__(self, tunnel: Callable[[], str]) -> None:
        self._tunnel = tunnel

    def get(self, url: str, what: str, limit: int) -> bytes:
        """Return an object. Raises RefusedError for one of more than `limit` bytes."""
        found = _retried(lambda: self._send(url, what, limit + 1))
        if len(found) > limit:
            raise RefusedError(what, f"it has more than {limit} bytes")
        return found

    def get_range(self, url: str, what: str, start: int, length: int) -> bytes:
        if not length:
            return b""
        headers = {"Range": f"bytes={start}-{start + length - 1}"}
        found = _retried(lambda: self._send(url, what, length + 1, headers))
        if len(found) != length:
            raise RefusedError(what, f"{len(found)} bytes came, not {length}")
        return found

    def put(self, url: str, what: str, file: BinaryIO) -> None:
        """Store a file of which the position is its end."""
        headers = {**PUT_HEADERS, "Content-Length": str(file.tell()), "Content-Type": "application/octet-stream"}

        def once() -> None:
            file.seek(0)
            self._send(url, what, 0, headers, iter(lambda: file.read(_PIECE_BYTES), b""))

        _retried(once)

    def _send(
        self, signed: str, what: str, limit: int, headers: Mapping[str, str] = {}, data: Iterator[bytes] | None = None
    ) -> bytes:
        """Read, or with `data` write; return at most `limit` bytes of the answer."""
        url, address = urlsplit(signed), self._tunnel()
        if url.scheme not in ("http", "https"):
            raise RefusedError(what, "the operator answered with what is no web address")
        proxies: dict[str, str] | None = {} if address else None
        to = urlunsplit(url._replace(netloc=address or url.netloc))
        headers = {**headers, "Host": url.netloc}  # the one that was signed
        request = Request(to, data, headers, method="GET" if data is None else "PUT")  # noqa: S310 - checked above
        try:
            with build_opener(ProxyHandler(proxies), _Handler).open(request, timeout=_SILENCE_SECONDS) as answer:
                found = answer.read(limit) if limit else b""
                if limit > len(found) and answer.length:
                    raise UnavailableError(what, f"the answer ended {answer.length} bytes early")
                return bytes(found)
        except HTTPError as error:
            code = _CODE.search(error.read(4096))
            detail = f"the bucket answered HTTP {error.code}" + (f" ({code[1].decode()})" if code else "")
            if error.code == 404:
                raise NotFoundError(what, detail) from error
            if error.code in (401, 403):
                raise AccessError(what, detail) from error
            kind = UnavailableError if error.code == 429 or error.code >= 500 else RefusedError
            raise kind(what, detail) from error
        except (OSError, HTTPException) as error:
            cause = getattr(error, "reason", error)
            detail = f"the bucket at {url.netloc} does not answer: {cause or type(cause).__name__}"
            raise UnavailableError(what, detail, TIMED_OUT if isinstance(cause, TimeoutError) else "") from error


def _retried(call: Callable[[], T]) -> T:
    for pause in _PAUSES:
        try:
            return call()
        except UnavailableError as error:
            if error.code == TIMED_OUT:  # another try would take as long
                raise
            time.sleep(pause)
    return call()
