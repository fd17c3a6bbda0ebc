"""Fetches the objects of a user's bucket into ours: the program in the pod of a download.

The credentials are in the pod's environment, and nowhere else. The server is as little trusted as one of the web: each
request is a presigned URL, fetched as any other.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

from scriptmodel_operator.engine.errors import RefusedError
from scriptmodel_operator.jobs.fetcher import MOST_BYTES, BucketSource, FetchDocument, FetchError, Web, load, store
from scriptmodel_operator.jobs.manifest import File, Manifest, Pack, check_path, encode_own
from scriptmodel_operator.jobs.packing import MAX_PACK_BYTES

MOST_OBJECTS = 20_000
_TRIES = 3
_MOST_PAGE_BYTES = 8 << 20
_URL_SECONDS = 3600
_NO_LISTING = "it cannot be listed: the answer is not that of an S3 server"
_SHOWN = 100
"""Characters of a key in an error."""


@dataclass(frozen=True, slots=True)
class Object:
    key: str
    size: int
    etag: str
    """When it was modified if the server has no ETag of it, as of a file that was put into its folder."""


@dataclass(frozen=True, slots=True)
class S3:
    """A bucket on a server, and the credentials to read it, as the environment has them."""

    bucket: str
    prefix: str
    """Empty, or it ends with a slash."""
    endpoint: str
    region: str
    key: str
    secret: str
    token: str

    @classmethod
    def of(cls, url: str, environment: Mapping[str, str]) -> S3:
        bucket, _, prefix = url.removeprefix("s3://").rstrip("/").partition("/")
        region = environment.get("AWS_REGION") or "us-east-1"
        endpoint = environment.get("AWS_ENDPOINT_URL") or f"https://s3.{region}.amazonaws.com"
        if not (where := urlsplit(endpoint)).netloc or "@" in where.netloc or where.query or where.fragment:
            raise FetchError("AWS_ENDPOINT_URL of the Secret is not https://HOST[:PORT]")
        keys = environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
        token = environment.get("AWS_SESSION_TOKEN", "")
        return cls(bucket, f"{prefix}/" if prefix else "", endpoint.rstrip("/"), region, *keys, token)

    def signed(self, key: str, query: Mapping[str, str], now: datetime) -> str:
        """Return a presigned URL (AWS Signature Version 4) that reads an object, or with an empty key the bucket."""
        at, where = now.strftime("%Y%m%dT%H%M%SZ"), urlsplit(self.endpoint)
        parts = (at[:8], self.region, "s3", "aws4_request")
        fields = {
            **query,
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": "/".join((self.key, *parts)),
            "X-Amz-Date": at,
            "X-Amz-Expires": str(_URL_SECONDS),
            "X-Amz-SignedHeaders": "host",
            **({"X-Amz-Security-Token": self.token} if self.token else {}),
        }
        path = quote(f"{where.path}/{self.bucket}/{key}", safe="/~")
        text = "&".join(f"{quote(name, safe='')}={quote(fields[name], safe='')}" for name in sorted(fields))
        request = f"GET\n{path}\n{text}\nhost:{where.netloc.lower()}\n\nhost\nUNSIGNED-PAYLOAD"
        digest = hashlib.sha256(request.encode()).hexdigest()
        signing = f"AWS4{self.secret}".encode()
        for part in (*parts, f"AWS4-HMAC-SHA256\n{at}\n{'/'.join(parts)}\n{digest}"):
            signing = hmac.digest(signing, part.encode(), "sha256")
        return f"{where.scheme}://{where.netloc}{path}?{text}&X-Amz-Signature={signing.hex()}"


async def fetch(
    document: FetchDocument,
    source: BucketSource,
    folder: Path,
    report: Callable[[str], None],
    environment: Mapping[str, str],
) -> Mapping[str, str]:
    """Store what differs from the known listing in packs, its manifest, and the listing; only that if it is known.

    What prevents it is stored as the error of the path "", and returned. Raises StoreError.
    """
    try:
        await _Fetching(document, source, folder, S3.of(source.url, environment)).run(report)
    except FetchError as error:
        errors = {"": str(error)}
        await store(document.errors, json.dumps(errors).encode())
        return errors
    return {}


@dataclass(frozen=True, slots=True)
class _Fetching:
    document: FetchDocument
    source: BucketSource
    folder: Path
    s3: S3

    async def run(self, report: Callable[[str], None]) -> None:
        """Store the objects unless their listing is known. Raises FetchError and StoreError."""
        listed = await self.listing()
        for _ in range(_TRIES):
            text = self._text(listed)
            if _digest(text) != self.source.known:
                known = await self._known()
                changed = [each for each in listed if (self._path(each), each.size, each.etag) not in known]
                report(f"fetching {len(changed)} of {len(listed)} objects")
                found = await self.packed(changed)
                before, listed = listed, await self.listing()
                if listed != before:
                    report("the bucket changed while it was fetched: starting over")
                    continue
                if isinstance(found, FetchError):
                    raise found
                await store(self.document.manifest, encode_own(found))
            await store(self.source.listing, text)
            return
        raise FetchError(f"it changed {_TRIES} times while it was fetched: write to it less often")

    async def _known(self) -> Set[tuple[str, int, str]]:
        """Return path, size and ETag of the objects that the newest version has; none if that cannot be read."""
        text = await load(self.source.before) if self.source.known else b""
        return (
            {(path, size, etag) for path, size, etag in json.loads(text)}
            if _digest(text) == self.source.known
            else set()
        )

    async def listing(self) -> Sequence[Object]:
        """Return the objects with bytes that are not hidden, by key. Raises FetchError."""
        found, token, seen = list[Object](), "", 0
        while True:
            query = {"list-type": "2", "prefix": self.s3.prefix, **({"continuation-token": token} if token else {})}
            page = await self._page(query)
            contents = list(page.iterfind("{*}Contents"))
            seen += len(contents)
            if seen > MOST_OBJECTS:
                raise FetchError(
                    f"it has more than {MOST_OBJECTS} objects: name a path with fewer in corpus.bucket.url"
                )
            found += filter(self._is_wanted, map(_object, contents))
            token = page.findtext("{*}NextContinuationToken") or ""
            if not token or not contents:
                break
        self._check(found)
        return sorted(found, key=lambda each: each.key)

    async def packed(self, listed: Sequence[Object]) -> Manifest | FetchError:
        """Store objects in packs, and return their manifest, or the error of one that could not be fetched."""
        packs, files, path = list[Pack](), list[File](), self.folder / "pack"
        for number, group in enumerate(_groups(listed)):
            offset = 0
            path.unlink(missing_ok=True)
            for each in group:
                try:
                    size, sha256 = await self._save(each.key, {}, path, each.etag if '"' in each.etag else "")
                except FetchError as error:
                    return FetchError(f"{each.key[:_SHOWN]!r}: {error}")
                files.append(File(self._path(each), size, sha256, number, offset))
                offset += size
            with path.open("rb") as opened:
                packs.append(Pack(f"pack-{number:04}", offset, hashlib.file_digest(opened, "sha256").hexdigest()))
            await store(self.source.packs[number], path)
        return Manifest(tuple(packs), tuple(sorted(files, key=lambda each: each.path)))

    async def _page(self, query: Mapping[str, str]) -> ElementTree.Element:
        path = self.folder / "page"
        path.unlink(missing_ok=True)
        try:
            await self._save("", query, path)
        except FetchError as error:
            raise FetchError(f"it cannot be listed: {error}; check AWS_ENDPOINT_URL, AWS_REGION and keys") from error
        if path.stat().st_size > _MOST_PAGE_BYTES:
            raise FetchError(_NO_LISTING)
        try:
            text = path.read_bytes().decode()
            if "<!" in text or "\0" in text:  # entities could be huge; a NUL would be UTF-16
                raise FetchError(_NO_LISTING)
            return ElementTree.fromstring(text)  # noqa: S314 - it declares no entities, and has no other encoding
        except UnicodeDecodeError as error:
            raise FetchError(_NO_LISTING) from error
        except ElementTree.ParseError as error:
            raise FetchError(f"it cannot be listed: {error}; is there a control character in a key?") from error

    async def _save(self, key: str, query: Mapping[str, str], path: Path, etag: str = "") -> tuple[int, str]:
        return await Web(self.document).save(self.s3.signed(key, query, datetime.now(UTC)), path, "ab", etag)

    def _text(self, listed: Sequence[Object]) -> bytes:
        return json.dumps([(self._path(each), each.size, each.etag) for each in listed]).encode()

    def _path(self, each: Object) -> str:
        return f"/{each.key.removeprefix(self.s3.prefix)}"

    def _is_wanted(self, each: Object) -> bool:
        """Return whether an object is one of a corpus: no marker of a folder, and not hidden, as for a push."""
        return each.size > 0 and "/." not in self._path(each)

    def _check(self, listed: Sequence[Object]) -> None:
        if not listed:
            raise FetchError("it has no objects with bytes there: put scripts into it")
        if len(_groups(listed)) > len(self.source.packs):
            size = sum(each.size for each in listed) >> 30
            raise FetchError(f"it has {size} GiB, more than {len(self.source.packs)} packs take: name a shorter list")
        paths = {self._path(each) for each in listed}
        if len(paths) < len(listed):
            raise FetchError(f"{_NO_LISTING}: it has a key twice")
        for path in sorted(paths):
            try:
                check_path(path)
            except RefusedError:
                raise FetchError(f"the key {path[1:_SHOWN]!r} is not that of a file: rename the object") from None
            parts = path.split("/")
            for end in range(2, len(parts)):
                if (folder := "/".join(parts[:end])) in paths:
                    raise FetchError(f"{folder[1:_SHOWN]!r} is an object and a folder: rename the object")
        for each in listed:
            if each.size > MOST_BYTES:
                raise FetchError(f"{each.key[:_SHOWN]!r} has more than {MOST_BYTES} bytes")


def _object(entry: ElementTree.Element) -> Object:
    key, size, etag, at = (entry.findtext(f"{{*}}{name}") for name in ("Key", "Size", "ETag", "LastModified"))
    etag = etag or at
    if not key or not etag or not size or not re.fullmatch("[0-9]+", size) or len(size) > 15:
        raise FetchError(_NO_LISTING)
    return Object(key, int(size), etag)


def _groups(listed: Sequence[Object]) -> Sequence[Sequence[Object]]:
    """Return the objects of each pack."""
    groups, size = list[list[Object]](), 0
    for each in listed:
        if not groups or size + each.size > MAX_PACK_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(each)
        size += each.size
    return groups


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
