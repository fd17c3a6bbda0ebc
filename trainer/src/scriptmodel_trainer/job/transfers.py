"""Moves bytes between disk and bucket by presigned URLs, and waits for a bucket that is away."""

import contextlib
import http.client
import io
import math
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from scriptmodel_trainer.errors import BadInputError, WriteError
from scriptmodel_trainer.job.document import Document, read_document
from scriptmodel_trainer.progress.events import Warned
from scriptmodel_trainer.progress.listeners import Progress

CHUNK = 1 << 18
"""Bytes that are in memory at once."""
_TIMEOUT = 60.0  # seconds without an answer
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0  # seconds between two tries
_OUTAGE = 2  # tries in a row that fail: a single one is not worth a warning
_RETRIED = (403, 408, 409, 425, 429)  # 403 is an expired URL, which the operator renews
_PASSING = (b"ExpiredToken", b"RequestTimeout", b"TokenRefreshRequired", b"XAdminUserNotFound")
"""Codes of another status that pass; versitygw answers 404 and the last one once its keys were changed."""
# Without the first Azure stores nothing; other servers ignore it.
_PUT_HEADERS = {"x-ms-blob-type": "BlockBlob", "Content-Type": "application/octet-stream"}
_CODE = re.compile(rb"<Code>(\w{1,64})</Code>")
_FAILED = (OSError, http.client.HTTPException)  # a try that may succeed later

UrlOf = Callable[[Document], str]
Content = Callable[[], tuple[int, Iterator[bytes]]]
"""Opens what is to be stored, for each try again: its size, and its chunks."""


class RefusedError(WriteError):
    """The bucket refuses for good, or what it holds is not what is listed. `status` is that of HTTP, 0 for none."""

    def __init__(self, message: str, hint: str = "", *, status: int = 0) -> None:
        super().__init__(message, hint)
        self.status = status


class AbandonedError(Exception):
    """A transfer was interrupted."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: the host of a presigned URL is signed."""

    def redirect_request(self, *_: object) -> None:
        return None


class _Connection(http.client.HTTPConnection):
    """Reads an answer that comes before the request was sent whole, as of a bucket that has no room for it."""

    def request(self, *given: Any, **named: Any) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # without an answer, reading it fails
            super().request(*given, **named)


class _SecureConnection(http.client.HTTPSConnection, _Connection):
    pass


class _Handler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, req)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_SecureConnection, req)


_OPENER = urllib.request.build_opener(_NoRedirect, _Handler)


class Download(io.RawIOBase):
    """The chunks of an object as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._rest = self._rest or next(self._chunks, b"")
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


class Transfers:
    """Transfers of one job, one at a time. Each try reads the job document again, whose URLs the operator renews.

    A bucket that is away is tried again without end, or until `deadline` (by `time.monotonic`), or until `interrupted`.
    """

    def __init__(self, document: Path, progress: Progress) -> None:
        self._document = document
        self._progress = progress
        self._failures = 0
        self._away_since = 0.0
        self.deadline = math.inf
        self.interrupted = threading.Event()

    def get(self, what: str, url_of: UrlOf, start: int = 0, size: int | None = None) -> io.BufferedReader:
        """Return an object as a file: `size` bytes from `start`, or all. A lost connection continues where it ended.

        Reading raises RefusedError if the object is missing or ends before.
        """
        return io.BufferedReader(Download(self._received(what, url_of, start, size)), CHUNK)

    def _received(self, what: str, url_of: UrlOf, start: int, size: int | None) -> Iterator[bytes]:
        end = None if size is None else start + size
        while end is None or start < end:
            try:
                with self._open(what, url_of, "GET", {"Range": f"bytes={start}-{end - 1 if end else ''}"}) as response:
                    if start and response.status != http.HTTPStatus.PARTIAL_CONTENT:
                        raise RefusedError(f"{what}: the bucket does not answer with a range of bytes")
                    sent = response.length or 0
                    end = start + sent if end is None else end
                    if sent < end - start:
                        raise RefusedError(f"{what} is shorter than listed")
                    while start < end:
                        chunk = response.read(min(CHUNK, end - start))
                        if not chunk:
                            raise ConnectionError("the connection was closed early")
                        start += len(chunk)
                        self._answered()
                        yield chunk
            except _FAILED as error:
                self._wait(what, error)

    def put(self, what: str, url_of: UrlOf, content: Content) -> None:
        """Store an object, whole or not at all. Raises RefusedError."""
        while True:
            size, chunks = content()
            try:
                headers = {**_PUT_HEADERS, "Content-Length": str(size)}
                with self._open(what, url_of, "PUT", headers, self._interruptible(chunks)):
                    self._answered()
                    return
            except _FAILED as error:
                self._wait(what, error)

    def put_bytes(self, what: str, url_of: UrlOf, content: bytes) -> None:
        """Store bytes as an object. Raises RefusedError."""
        starts = range(0, len(content), CHUNK)
        self.put(what, url_of, lambda: (len(content), (content[start : start + CHUNK] for start in starts)))

    def _open(
        self, what: str, url_of: UrlOf, method: str, headers: Mapping[str, str], body: Iterator[bytes] | None = None
    ) -> http.client.HTTPResponse:
        try:
            url = url_of(read_document(self._document))
        except (BadInputError, IndexError) as error:  # while the document is replaced
            raise ConnectionError(f"{self._document} has no URL for it: {error}") from error
        request = urllib.request.Request(url, body, dict(headers), method=method)  # noqa: S310  # http or https
        try:
            response: http.client.HTTPResponse = _OPENER.open(request, timeout=_TIMEOUT)
        except urllib.error.HTTPError as error:
            with error:
                code = _CODE.search(error.read(CHUNK))
            reason = f"HTTP {error.code} {code[1].decode() if code else ''}".strip()
            if error.code in _RETRIED or error.code >= 500 or (code and code[1] in _PASSING):
                raise ConnectionError(reason) from error
            self._answered()
            message = f"{what}: the bucket answered {reason}"
            raise RefusedError(message, "it refuses that for good", status=error.code) from error
        return response

    def _interruptible(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self.interrupted.is_set():
                raise AbandonedError
            yield chunk

    def _wait(self, what: str, error: OSError | http.client.HTTPException) -> None:
        # Without the URL, which is a secret.
        inner = error.reason if isinstance(error, urllib.error.URLError) else error
        reason = (inner.strerror if isinstance(inner, OSError) else None) or str(inner) or type(inner).__name__
        self._failures += 1
        if self._failures == _OUTAGE:
            self._away_since = time.monotonic()
            text = f"{what}: {reason}; it is tried again until the bucket answers"
            self._progress.report(Warned("bucket-away", text))
        seconds = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(self._failures - 1, 10))
        if time.monotonic() + seconds > self.deadline:
            raise RefusedError(f"{what}: {reason}", "it was not stored before the pod had to end")
        if self.interrupted.wait(seconds):
            raise AbandonedError

    def _answered(self) -> None:
        if self._failures >= _OUTAGE:
            seconds = time.monotonic() - self._away_since
            self._progress.report(Warned("bucket-back", f"the bucket answers again after {seconds:.0f} s"))
        self._failures = 0
