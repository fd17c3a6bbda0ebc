"""Reads and writes objects of a bucket by presigned URLs."""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO
from urllib.parse import urlsplit, urlunsplit

from requests.utils import get_environ_proxies, select_proxy
from urllib3 import PoolManager, ProxyManager
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as HTTPTimeoutError

from scriptmodel_operator.engine.errors import (
    TIMED_OUT,
    AccessError,
    EngineError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from scriptmodel_operator.jobs.ports import PUT_HEADERS

_SILENCE_SECONDS = 30.0
_PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Before the tries that follow the first one, in seconds."""
_MOST_OF_AN_ERROR = 4096
_CODE = re.compile(rb"<Code>([A-Za-z]{1,64})</Code>")


_KINDS: Mapping[int, type[EngineError]] = {
    401: AccessError,
    403: AccessError,
    404: NotFoundError,
    429: UnavailableError,
}


class Transfer:
    """Transfers objects; one that fails for a moment is tried again.

    `tunnel` returns the HOST:PORT to connect to in place of that of a URL, as of a port-forward; empty for its own.
    """

    def __init__(self, tunnel: Callable[[], str]) -> None:
        self._tunnel = tunnel

    def get(self, url: str, what: str, limit: int) -> bytes:
        """Return an object. Raises RefusedError for one of more than `limit` bytes."""
        found = self._send(url, what, limit + 1)
        if len(found) > limit:
            raise RefusedError(what, f"it has more than {limit} bytes")
        return found

    def get_range(self, url: str, what: str, start: int, length: int) -> bytes:
        if not length:
            return b""
        found = self._send(url, what, length + 1, {"Range": f"bytes={start}-{start + length - 1}"})
        if len(found) != length:
            raise RefusedError(what, f"{len(found)} bytes came, not {length}")
        return found

    def put(self, url: str, what: str, file: BinaryIO) -> None:
        """Store a file of which the position is its end."""
        headers = {**PUT_HEADERS, "Content-Length": str(file.tell()), "Content-Type": "application/octet-stream"}
        self._send(url, what, 0, headers, file)

    def _send(
        self, url: str, what: str, limit: int, headers: Mapping[str, str] = {}, body: BinaryIO | None = None
    ) -> bytes:
        for pause in _PAUSES:
            try:
                return self._once(url, what, limit, headers, body)
            except UnavailableError as error:
                if error.code == TIMED_OUT:  # another try would take as long
                    raise
                time.sleep(pause)
        return self._once(url, what, limit, headers, body)

    def _once(self, signed: str, what: str, limit: int, headers: Mapping[str, str], body: BinaryIO | None) -> bytes:
        """Read, or with `body` write; return at most `limit` bytes of the answer."""
        url, address = urlsplit(signed), self._tunnel()
        if url.scheme not in ("http", "https"):
            raise RefusedError(what, "the operator answered with what is no web address")
        proxy = "" if address else select_proxy(signed, get_environ_proxies(signed, no_proxy=None))
        to, method = urlunsplit(url._replace(netloc=address or url.netloc)), "PUT" if body else "GET"
        given: dict[str, Any] = {"timeout": _SILENCE_SECONDS, "retries": False, "preload_content": False}
        given["headers"] = {**headers, "Host": url.netloc}  # the one that was signed
        if body:
            body.seek(0)
        try:
            pools = ProxyManager(proxy) if proxy else PoolManager()
            with pools as pool, pool.request(method, to, body=body, **given) as answer:
                found = answer.read(limit if answer.status < 300 else _MOST_OF_AN_ERROR)
        except HTTPError as error:
            silent = isinstance(error, HTTPTimeoutError) and not isinstance(error, NewConnectionError)
            away = f"the bucket at {url.netloc} does not answer: {error}"
            raise UnavailableError(what, away, TIMED_OUT if silent else "") from error
        if answer.status < 300:
            return found
        code = _CODE.search(found)
        detail = f"the bucket answered HTTP {answer.status}" + (f" ({code[1].decode()})" if code else "")
        raise _KINDS.get(answer.status, UnavailableError if answer.status >= 500 else RefusedError)(what, detail)
