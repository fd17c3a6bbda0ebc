"""Fetches the files of a corpus from web servers into the bucket: the program in the pod of a download.

Web servers are not trusted: hosts and their addresses are checked at each redirect, sizes and times are bounded. The
document in the pod's Secret has presigned URLs, and no credentials.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Any, Literal

import aiohttp
from aiohttp.abc import ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from scriptmodel_operator.api.urls import without_query
from scriptmodel_operator.engine.errors import allowing
from scriptmodel_operator.jobs.manifest import File, Manifest, Pack, encode_own
from scriptmodel_operator.jobs.ports import PUT_HEADERS, S3_ERROR

MOST_BYTES = 5 << 30
"""The size of the largest object that one request stores in S3."""
ANY_HOST = "*"
_MOST_REDIRECTS = 10
_PIECE_BYTES = 1 << 20
_MOST_ERROR_BYTES = 4096
_LONGEST = 300
"""Characters of an address, or of a server's words, in an error."""
_STORING: Mapping[str, Any] = {
    "timeout": aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=300),
    "headers": PUT_HEADERS,
    "allow_redirects": False,
}
_UNICAST, _TRANSLATED = IPv6Network("2000::/3"), IPv6Network("64:ff9b::/96")
"""The addresses of the internet, and those behind which a gateway has the IPv4 address of the last 32 bits."""
_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Before the tries to store an object that follow the first one, in seconds."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to fetch: its path in the corpus, its address, and the URL that stores its bytes."""

    path: str
    url: str
    pack: str


@dataclass(frozen=True, slots=True)
class BucketSource:
    """A bucket of a user, whose credentials are in the environment, and the URLs that store its objects."""

    url: str
    known: str
    """Digest of the listing that the newest version was made from."""
    before: str
    """Reads that listing. Its objects need not be fetched again."""
    packs: Sequence[str]
    listing: str
    """Stores the listing that was fetched."""


@dataclass(frozen=True, slots=True)
class FetchDocument:
    """What a download fetches, and the URLs that store either a manifest or the errors by path."""

    files: Sequence[Source]
    hosts: Sequence[str]
    """Those that policy allows; `*` allows all with public addresses."""
    seconds: float
    """The longest time for a file."""
    manifest: str
    errors: str
    bucket: BucketSource | None = None
    """What is fetched in place of `files`."""

    @classmethod
    def parse(cls, text: str) -> FetchDocument:
        found = json.loads(text)
        bucket = found["bucket"] and BucketSource(**found["bucket"])
        return cls(**{**found, "files": [Source(**each) for each in found["files"]], "bucket": bucket})


class FetchError(Exception):
    """Why a file cannot be fetched, on one line."""


class StoreError(Exception):
    """Why the bucket does not take an object, on one line."""


async def fetch(document: FetchDocument, folder: Path, report: Callable[[str], None]) -> Mapping[str, str]:
    """Store all files and their manifest, or else the errors of those that cannot be fetched, which are returned by
    path. There is one file at a time in `folder`. Raises StoreError.
    """
    packs, files, errors, content = list[Pack](), list[File](), dict[str, str](), folder / "file"
    for number, source in enumerate(document.files):
        try:
            size, sha256 = await Web(document).save(source.url, content)
        except FetchError as error:
            errors[source.path] = str(error)
        else:
            report(f"fetched {source.path}: {size} bytes")
            if not errors:
                await store(source.pack, content)
                packs.append(Pack(f"pack-{number:04}", size, sha256))
                files.append(File(source.path, size, sha256, number, 0))
    if errors:
        await store(document.errors, json.dumps(errors).encode())
    else:
        manifest = Manifest(tuple(packs), tuple(sorted(files, key=lambda each: each.path)))
        await store(document.manifest, encode_own(manifest))
    return errors


@dataclass(frozen=True, slots=True)
class Web:
    """Servers of hosts that policy allows, each of whose answers may take some time."""

    document: FetchDocument

    async def save(self, address: str, file: Path, mode: Literal["wb", "ab"] = "wb", etag: str = "") -> tuple[int, str]:
        """Write what is at an address into a file; return its size and SHA-256. Raises FetchError.

        With `etag` it must be that version of it.
        """
        connector, seconds = aiohttp.TCPConnector(resolver=_Resolver(self.document.hosts)), self.document.seconds
        # A file is kept as it is, and a small one does not become a large one.
        encoding = {"Accept-Encoding": "identity", **({"If-Match": etag} if etag else {})}
        try:
            async with (
                asyncio.timeout(seconds),
                aiohttp.ClientSession(
                    connector=connector, timeout=aiohttp.ClientTimeout(None), auto_decompress=False, headers=encoding
                ) as session,
            ):
                url = URL(address, encoded=True)
                for _ in range(_MOST_REDIRECTS + 1):
                    self._check(url)
                    async with session.get(url, allow_redirects=False) as answer:
                        if answer.status not in (301, 302, 303, 307, 308):
                            return await _saved(answer, file, mode)
                        url = url.join(URL(answer.headers.get("Location", ""), encoded=True))
        except TimeoutError:
            raise FetchError(f"it was not complete after {seconds:g} s (--download-timeout)") from None
        except (aiohttp.ClientError, ValueError) as error:  # what is no address is a ValueError
            raise FetchError(_words(error)) from error
        raise FetchError(f"it redirects more than {_MOST_REDIRECTS} times")

    def _check(self, url: URL) -> None:
        """Check where a request goes. A name is checked again once it is resolved."""
        shown, host = without_query(str(url))[:_LONGEST], (url.raw_host or "").lower()[:_LONGEST]
        if url.scheme not in ("http", "https"):
            raise FetchError(f"it leads to {shown!r}, which is neither http nor https")
        if not {host, ANY_HOST} & set(self.document.hosts):
            allow = allowing("download", host)
            raise FetchError(f"it leads to {shown!r}, a host that is not allowed: use another address, or {allow}")
        if host not in self.document.hosts and not _is_public(host):
            raise FetchError(_private(host))


def _words(error: Exception) -> str:
    """Return an error without addresses, whose queries may be secret."""
    if isinstance(error, aiohttp.InvalidURL):
        return "it leads to what is no address"
    text = error.message if isinstance(error, aiohttp.ClientResponseError) else str(error)
    return (text or type(error).__name__)[:_LONGEST]


class _Resolver(ThreadedResolver):
    """Resolves names; of a host that policy does not name, all addresses must be public."""

    def __init__(self, named: Sequence[str]) -> None:
        super().__init__()
        self._named = named

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await super().resolve(host, port, family)
        if host.lower() not in self._named and not all(_is_public(each["host"]) for each in found):
            raise OSError(0, _private(host))
        return found


def _is_public(host: str) -> bool:
    """Return whether a host is a name, or an address that is neither of this machine nor of a private network."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return True
    if isinstance(address, IPv6Address):
        inner = address.sixtofour or (IPv4Address(address.packed[12:]) if address in _TRANSLATED else None)
        return address.is_global and address in _UNICAST and (inner is None or inner.is_global)
    return address.is_global


def _private(host: str) -> str:
    return f"host {host} has a private address: {allowing('download', host)}"


async def _saved(answer: aiohttp.ClientResponse, file: Path, mode: Literal["wb", "ab"]) -> tuple[int, str]:
    if answer.status != 200:
        said = S3_ERROR.search((await answer.content.read(_MOST_ERROR_BYTES)).decode(errors="replace"))
        raise FetchError(f"{answer.status} {': '.join(said.groups()) if said else answer.reason}"[:_LONGEST])
    size, whole, expected = 0, hashlib.sha256(), answer.content_length
    with file.open(mode) as opened:
        try:
            async for piece in answer.content.iter_chunked(_PIECE_BYTES):
                size += len(piece)
                if max(size, expected or 0) > MOST_BYTES:
                    raise FetchError(f"it has more than {MOST_BYTES} bytes")
                whole.update(piece)
                opened.write(piece)
        except aiohttp.ClientPayloadError:
            of = "" if expected is None else f" of {expected}"
            raise FetchError(f"unexpected EOF after {size}{of} bytes") from None
    return size, whole.hexdigest()


async def load(url: str) -> bytes:
    """Return an object by a presigned URL; nothing if it cannot be read."""
    try:
        async with aiohttp.request("GET", URL(url, encoded=True), allow_redirects=False) as answer:
            return await answer.read() if answer.status == 200 else b""
    except (aiohttp.ClientError, TimeoutError):
        return b""


async def store(url: str, content: Path | bytes) -> None:
    """Store an object by a presigned URL; try again if the bucket is away. Raises StoreError."""
    problem, target = "", URL(url, encoded=True)  # other quotes would not be what was signed
    for pause in (0.0, *_PAUSES):
        await asyncio.sleep(pause)
        try:
            data = content if isinstance(content, bytes) else content.open("rb")  # closed once it is sent
            async with aiohttp.request("PUT", target, data=data, **_STORING) as answer:
                if answer.status in (200, 201):
                    return
                problem = f"HTTP {answer.status}"
                if answer.status < 500 and answer.status not in (408, 409, 425, 429):
                    break
        except (aiohttp.ClientError, TimeoutError) as error:
            problem = _words(error)
    raise StoreError(f"the bucket does not take an object: {problem}")
