"""Reading URLs as pachd does: without a time limit once it is connected, until the client goes away."""

import http.client
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NoReturn

from localpach.errors import PachError, UnimplementedError

CONNECT_SECONDS = 30.0
PIECE = 1024 * 1024

Connected = Callable[[socket.socket], None]


def read_url(url: str, on_cancel: Callable[[Callable[[], None]], object]) -> Iterator[bytes]:
    """Yield the body of an HTTP response, as it arrives.

    ``on_cancel`` registers a function that is called when the client goes away. Raises PachError with the texts of the
    real server.
    """
    if not url.startswith(("http://", "https://")):
        raise UnimplementedError(f"localpach supports http and https URLs only, not {url}")
    request = _Request()
    if not on_cancel(request.cancel):
        request.cancelled = True
    opener = urllib.request.build_opener(_Handler(request.connected))
    try:
        answer = opener.open(url, timeout=CONNECT_SECONDS)
    except urllib.error.HTTPError as error:
        raise PachError(f'error retrieving content from "{url}": {error.code} {error.reason}') from None
    except (OSError, ValueError, http.client.HTTPException) as error:  # ValueError: not a URL
        reason = getattr(error, "reason", error)
        raise PachError(f'Get "{url}": {getattr(reason, "strerror", None) or reason}') from None
    with answer:
        try:
            while piece := answer.read1(PIECE):  # returns what has arrived
                yield piece
        except (OSError, http.client.HTTPException):
            raise PachError("unexpected EOF") from None
        if answer.length or request.cancelled:
            raise PachError("unexpected EOF")


class _Request:
    """A request that another thread can end while it waits for the server."""

    def __init__(self) -> None:
        self.cancelled = False
        self._sockets: list[socket.socket] = []

    def connected(self, connection: socket.socket) -> None:
        connection.settimeout(None)
        self._sockets.append(connection)
        if self.cancelled:
            raise ConnectionAbortedError("context canceled")

    def cancel(self) -> None:
        self.cancelled = True
        for each in self._sockets:
            with suppress(OSError):  # closed already
                socket.socket.shutdown(each, socket.SHUT_RDWR)  # whoever reads it gets the end of the stream


class _Handler(urllib.request.HTTPSHandler):
    handler_order = 400  # before the handlers that urllib adds by itself

    def __init__(self, connected: Connected) -> None:
        super().__init__()
        self._connected = connected

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._reporting(http.client.HTTPConnection), req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._reporting(http.client.HTTPSConnection), req)

    def ftp_open(self, req: urllib.request.Request) -> NoReturn:
        """Refuse what urllib itself would read after a redirect."""
        raise PachError(f'Get "{req.full_url}": unsupported protocol scheme "ftp"')

    def _reporting(self, kind: type[http.client.HTTPConnection]) -> Any:
        connected = self._connected

        class Reporting(kind):  # type: ignore[misc, valid-type]  # a class by its argument
            def connect(self) -> None:
                super().connect()
                connected(self.sock)

        return Reporting
