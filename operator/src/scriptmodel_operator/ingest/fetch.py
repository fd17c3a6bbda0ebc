"""Downloads a file over HTTP into an open file, as a stream, from allowed addresses only."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, BinaryIO

import aiohttp
from yarl import URL

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.addresses import Destinations
from scriptmodel_operator.ingest.credentials import Credentials
from scriptmodel_operator.ingest.failures import SourceError, too_large
from scriptmodel_operator.ingest.values import Validators, can_be_kept, shown

_AGENT = "scriptmodel-operator"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429})
_STORED_AS_SENT = frozenset({"", "identity", "gzip", "x-gzip"})
"""Accepted values of Content-Encoding. A gzip stream is detected and unpacked within the limits of a tar.gz."""
_SHOWN = 40
_LONGEST_SHOWN = 200
_BUFFER = 1024 * 1024
_USUAL_SLOWEST = 64 * 1024
_MEBIBYTE = 1024 * 1024
_LONGEST_WAIT = 3600.0
_HTTPS, _SCHEMES = "https", ("http", "https")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits of a download, in seconds and bytes per second."""

    connect: float = 15.0
    silence: float = 30.0
    """Longest time without a byte of the file. Headers, the framing of chunks and trailers do not count as progress."""
    grace: float = 60.0
    """Time after which the average speed counts."""
    slowest: float = 16 * 1024
    total: float = 0.0
    """Longest duration of a download, redirects included; 0 for `grace` plus the largest size at 64 KiB a second."""
    redirects: int = 5

    def longest(self, most: int) -> float:
        """Return the longest duration of a download of at most `most` bytes."""
        return self.total or self.grace + most / _USUAL_SLOWEST


USUAL = Timeouts()


@dataclass(frozen=True, slots=True)
class Fetched:
    """A completed download."""

    size: int
    sha256: str
    validators: Validators


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Downloads files over HTTP. `run` calls a blocking function off the event loop: writing and hashing."""

    destinations: Destinations
    run: Callable[..., Any]
    timeouts: Timeouts = USUAL

    async def fetch(
        self, address: str, into: BinaryIO, most: int, known: Validators, credentials: Credentials | None = None
    ) -> Fetched | None:
        """Download at most `most` bytes; None if the server answers that nothing has changed. Raises SourceError.

        Credentials are for the host, port and scheme of `address`, and go nowhere else that it redirects to.
        """
        url, seconds = _checked(_parsed(address), None), self.timeouts.longest(most)
        try:
            async with asyncio.timeout(seconds):
                return await self._follow(url, into, most, known, credentials)
        except TimeoutError as error:
            raise _failed(url, f"it is not complete after {seconds:.0f} s") from error

    async def _follow(
        self, url: URL, into: BinaryIO, most: int, known: Validators, credentials: Credentials | None
    ) -> Fetched | None:
        trusted = url.origin()
        for _ in range(self.timeouts.redirects + 1):
            own = {credentials.header: credentials.value} if credentials and url.origin() == trusted else {}
            async with self._answer(url, {**known.headers(), **own}) as answer:
                if answer.status in _REDIRECTS and "Location" in answer.headers:
                    url = _checked(_parsed(answer.headers["Location"], url), url)
                    continue
                if answer.status == HTTPStatus.NOT_MODIFIED and known.headers():
                    return None
                if answer.status != HTTPStatus.OK:
                    raise _refusal(url, answer)
                _check_encoding(url, answer)
                return await self._receive(url, answer, into, most)
        raise _failed(url, f"more than {self.timeouts.redirects} redirects", passing=False)

    @asynccontextmanager
    async def _answer(self, url: URL, more: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send one request. It connects to the address that was checked; no name is resolved twice."""

        def checked_socket(info: tuple[Any, ...]) -> socket.socket:
            family, kind, protocol, _name, address = info
            self.destinations.check(str(url.host), str(address[0]))
            return socket.socket(family, kind, protocol)

        # One address after the other, so that the refusal of one is not taken for a failure to connect.
        connector = aiohttp.TCPConnector(socket_factory=checked_socket, happy_eyeballs_delay=None, force_close=True)
        timeout = aiohttp.ClientTimeout(total=None, connect=self.timeouts.connect, sock_read=self.timeouts.silence)
        # No proxy and no cookies; and the bytes as they are stored, since their digest counts.
        headers = {"User-Agent": _AGENT, "Accept-Encoding": "identity", **more}
        try:
            async with (
                asyncio.timeout(self.timeouts.connect + self.timeouts.silence) as until_headers,
                aiohttp.ClientSession(
                    connector=connector,
                    timeout=timeout,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                ) as session,
                session.get(url, headers=headers, allow_redirects=False) as answer,
            ):
                until_headers.reschedule(None)
                yield answer
        except aiohttp.ConnectionTimeoutError as error:
            raise _failed(url, f"no connection within {self.timeouts.connect:.0f} s") from error
        except TimeoutError as error:
            raise _failed(url, f"no data of the file for {self.timeouts.silence:.0f} s") from error
        except (aiohttp.ClientConnectorDNSError, UnicodeError) as error:  # a name that cannot be resolved
            raise _failed(url, f"there is no host {_brief(str(url.host))!r}") from error
        except aiohttp.ClientSSLError as error:
            raise _failed(url, f"its certificate is not trusted ({_plain(error)})", passing=False) from error
        except aiohttp.ClientConnectorError as error:
            number = error.os_error.errno  # whose text is that of asyncio, which does not say why
            raise _failed(url, f"cannot connect ({os.strerror(number) if number else 'no answer'})") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _failed(url, f"the connection broke ({_plain(error)})") from error

    async def _receive(self, url: URL, answer: aiohttp.ClientResponse, into: BinaryIO, most: int) -> Fetched:
        size, hashed, began = 0, hashlib.sha256(), time.monotonic()

        def keep(content: bytes) -> None:
            into.write(content)
            hashed.update(content)

        _check_size(answer.content_length or 0, most)
        pending = bytearray()
        while piece := await self._piece(answer):
            size += len(piece)
            _check_size(size, most)
            self._check_speed(url, size, time.monotonic() - began)
            pending += piece
            if len(pending) >= _BUFFER:
                await self.run(keep, bytes(pending))
                pending.clear()
        await self.run(keep, bytes(pending))
        return Fetched(size, hashed.hexdigest(), _validators(answer.headers))

    async def _piece(self, answer: aiohttp.ClientResponse) -> bytes:
        """Wait for the next bytes of the file, whatever else the server sends."""
        async with asyncio.timeout(self.timeouts.silence):
            return await answer.content.readany()

    def _check_speed(self, url: URL, size: int, seconds: float) -> None:
        if seconds > self.timeouts.grace and size < self.timeouts.slowest * seconds:
            raise _failed(url, f"it is too slow: {size} bytes in {seconds:.0f} s")


def _checked(url: URL, before: URL | None) -> URL:
    where = "its address" if before is None else f"it redirects to {_shown(url)}, which"
    if url.scheme not in _SCHEMES or not url.host:
        raise _failed(before or url, f"{where} is not one of http or https", passing=False)
    if url.user is not None or url.password is not None:
        raise _failed(before or url, f"{where} has a user or password in it", passing=False)
    if before is not None and before.scheme == _HTTPS and url.scheme != _HTTPS:
        raise _failed(before, f"{where} is not encrypted any more", passing=False)
    return url


def _parsed(text: str, base: URL | None = None) -> URL:
    """Parse an address, relative to `base`; host and port are parsed when they are first read."""
    try:
        url = base.join(URL(text)) if base else URL(text)
        _ = url.host, url.port
    except ValueError as error:
        message = (
            f"cannot download the corpus: the address, or one that it redirects to, is not valid ({_brief(str(error))})"
        )
        raise SourceError(Reason.DOWNLOAD_FAILED, message) from error
    return url


def _check_encoding(url: URL, answer: aiohttp.ClientResponse) -> None:
    named = ",".join(answer.headers.getall("Content-Encoding", [])).lower()
    if unread := [each for each in map(str.strip, named.split(",")) if each not in _STORED_AS_SENT]:
        why = f"the server sends it encoded ({unread[0][:_SHOWN]!r}), although the request forbids it"
        raise _failed(url, why, passing=False)


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise too_large(f"the file at the address has more than {most // _MEBIBYTE} MiB: raise maxSizeMi or pack less")


def _validators(headers: Mapping[str, str]) -> Validators:
    texts = [headers.get(name, "") for name in ("ETag", "Last-Modified")]
    return Validators(*(text if can_be_kept(text) else "" for text in texts))


def _refusal(url: URL, answer: aiohttp.ClientResponse) -> SourceError:
    """Return the error, and whether a retry may succeed: 4xx needs a change by somebody, other statuses may pass."""
    passing = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in _PASSING
    text = answer.headers.get("Retry-After", "")
    wait = min(float(text), _LONGEST_WAIT) if text.isascii() and text.isdigit() else 0.0
    name = f" {HTTPStatus(answer.status).phrase}" if answer.status in set(HTTPStatus) else ""
    return _failed(url, f"the server answers HTTP {answer.status}{name}", passing=passing, wait=wait)


def _failed(url: URL, why: str, *, passing: bool = True, wait: float = 0.0) -> SourceError:
    next_step = "the operator tries again" if passing else "correct spec.corpus.http.url"
    message = f"cannot download the corpus from {_shown(url)}: {why}; {next_step}"
    return SourceError(Reason.DOWNLOAD_FAILED, message, passing=passing, wait=wait)


def _shown(url: URL) -> str:
    return _brief(shown(url))


def _brief(text: str) -> str:
    """Return a short form, because a server may redirect to an address of any length and with any characters."""
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."


def _plain(error: Exception) -> str:
    """Return an error's text without the address that some errors contain."""
    return str(getattr(error, "strerror", "") or type(error).__name__)
