"""The bucket, by obstore. Its errors become those of an engine, and name bucket and key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from scriptmodel_operator.engine.counting import Called, counted, ignored
from scriptmodel_operator.engine.errors import AccessError, EngineError, NotFoundError, RefusedError, UnavailableError
from scriptmodel_operator.jobs.ports import S3_ERROR

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, MemoryStore, RetryConfig, S3Config

    from scriptmodel_operator.jobs.storage import StorageConfig

_PART_BYTES = 8 << 20
_PARTS_AT_ONCE = 2
_SIGNING = "signing"
"""No request is sent for it."""
# A read ends within 10 s even if a bucket that is away accepts the connection: the last retry starts before 4 s.
_READ_CLIENT: ClientConfig = {"connect_timeout": "3s", "read_timeout": "4s", "timeout": "60s"}
_READ_RETRIES: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=4)}
# A read timeout would count the time for which a part is sent, or a pack copied by the server.
_WRITE_CLIENT: ClientConfig = {"connect_timeout": "3s", "timeout": "300s"}
_WRITE_RETRIES: RetryConfig = {"max_retries": 5, "retry_timeout": timedelta(seconds=20)}
_STATUS = re.compile(r"status code: (\d{3})")
_CAUSE = re.compile(r'(?:message|error): "([^"]*)"|(TimedOut|InvalidCertificate\(\w+)')
_BY_STATUS: dict[str, type[EngineError]] = {
    "401": AccessError,
    "403": AccessError,
    "404": UnavailableError,  # of the bucket, or of a server that is no bucket: nothing may be taken for lost
    "408": UnavailableError,
    "429": UnavailableError,
}


def open_bucket(config: StorageConfig, called: Called = ignored) -> ObstoreBucket:
    """Return the bucket; credentials are those of the environment, as AWS_ACCESS_KEY_ID. No request is sent."""
    where = urlsplit(config.storage)

    def store(endpoint: str, client: ClientConfig, retries: RetryConfig) -> S3Store:
        settings: S3Config = {"region": config.storage_region}
        if endpoint:
            settings["endpoint"] = endpoint
        client = {**client, "allow_http": endpoint.startswith("http:")}
        prefix = where.path.strip("/") or None
        return S3Store(where.netloc, prefix=prefix, config=settings, client_options=client, retry_config=retries)

    endpoint = config.storage_endpoint
    try:
        return ObstoreBucket(
            store(endpoint, _READ_CLIENT, _READ_RETRIES),
            config.storage,
            writes=store(endpoint, _WRITE_CLIENT, _WRITE_RETRIES),
            public=store(config.storage_public_url or endpoint, _READ_CLIENT, _READ_RETRIES),
            called=called,
        )
    except BaseError as error:  # such as a key without a secret
        raise AccessError(f"opening {config.storage}", str(error).partition("\n")[0]) from None


class ObstoreBucket:
    """A bucket, or the part of it below a path. `writes` is the same with deadlines for writing."""

    def __init__(
        self,
        store: S3Store | MemoryStore,
        name: str,
        *,
        writes: S3Store | MemoryStore | None = None,
        public: S3Store | None = None,
        called: Called = ignored,
    ) -> None:
        self._store = store
        self._writes = writes or store
        self._public = public or store
        self._name = name
        self._called = called

    def get(self, key: str, limit: int) -> bytes:
        with self._translated("reading", key) as what:
            found = obstore.get(self._store, key)
            if found.meta["size"] > limit:
                raise RefusedError(what, f"it has {found.meta['size']} bytes, more than {limit}")
            return bytes(found.bytes())

    def get_range(self, key: str, start: int, length: int) -> bytes:
        if not length:
            return b""
        with self._translated("reading", key) as what:
            found = bytes(obstore.get_range(self._store, key, start=start, length=length))
            if len(found) < length:
                raise RefusedError(what, f"it ends before byte {start + length}")
            return found

    def put(self, key: str, data: bytes | Iterable[bytes]) -> None:
        content = data if isinstance(data, bytes) else _elsewhere(data)
        with self._translated("writing", key):
            obstore.put(self._writes, key, content, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE)

    def create(self, key: str, data: bytes, limit: int) -> bytes:
        with self._translated("writing", key):
            try:
                obstore.put(self._writes, key, data, mode="create")
            except AlreadyExistsError:
                pass
            except NotImplementedError:  # the store has no conditional writes: the last writer wins
                obstore.put(self._writes, key, data)
        return self.get(key, limit)

    def sizes(self, prefix: str) -> Mapping[str, int]:
        return {each["path"]: each["size"] for each in self._listed(prefix)}

    def stored(self, prefix: str) -> Mapping[str, datetime]:
        return {each["path"]: each["last_modified"] for each in self._listed(prefix)}

    def _listed(self, prefix: str) -> list[ObjectMeta]:
        with self._translated("listing", prefix):
            return [each for chunk in obstore.list(self._store, prefix) for each in chunk]

    def copy(self, source: str, target: str) -> None:
        with self._translated("copying", source):
            obstore.copy(self._writes, source, target)

    def delete(self, keys: Sequence[str]) -> None:
        with self._translated("deleting", " ".join(keys[:3])):
            obstore.delete(self._writes, keys)

    def sign(self, method: str, keys: Sequence[str], seconds: float, *, public: bool = False) -> list[str]:
        store = cast("S3Store", self._public if public else self._store)
        with self._translated(_SIGNING, f"{len(keys)} keys"):
            return list(obstore.sign(store, cast('Literal["GET", "PUT"]', method), keys, timedelta(seconds=seconds)))

    @contextmanager
    def _translated(self, doing: str, key: str) -> Iterator[str]:
        what = f"{doing} {key} in {self._name}"
        with counted(self._called if doing != _SIGNING else ignored, doing):
            try:
                yield what
            except (BaseError, FileNotFoundError, NotImplementedError) as error:
                raise _engine_error(error, what) from None


def _elsewhere(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield pieces that another thread produces: the one that sends them cannot wait for a read of the bucket."""
    found = iter(pieces)
    with ThreadPoolExecutor(1) as thread:
        while (piece := thread.submit(next, found, None).result()) is not None:
            yield piece


def _engine_error(error: Exception, what: str) -> EngineError:
    """Return the error with what the store or the connection says, without URLs, headers and what was signed."""
    text = str(error)
    first = text.partition("\n")[0]
    status, answer, cause = _STATUS.search(first), S3_ERROR.search(text), _CAUSE.search(text)
    said = answer.groups() if answer else (first.rpartition(" - ")[2], *(cause.groups() if cause else ()))
    detail = ": ".join(filter(None, said))
    if answer[1] == "NoSuchKey" if answer else not status and isinstance(error, FileNotFoundError):
        return NotFoundError(what, detail)
    if not status:
        return UnavailableError(what, detail)
    default = RefusedError if status[1] < "500" else UnavailableError
    return _BY_STATUS.get(status[1], default)(what, detail, status[1])
