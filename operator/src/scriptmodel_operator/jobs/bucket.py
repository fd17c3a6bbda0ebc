"""The bucket, by obstore. Its errors become those of an engine, and name bucket and key."""

from __future__ import annotations

import asyncio
import math
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from scriptmodel_operator.engine.counting import Called, counted, ignored
from scriptmodel_operator.engine.errors import AccessError, EngineError, NotFoundError, RefusedError, UnavailableError
from scriptmodel_operator.jobs.ports import S3_ERROR
from scriptmodel_operator.leadership import UNLIMITED, Leadership

if TYPE_CHECKING:
    from obstore.store import ClientConfig, MemoryStore, RetryConfig

    from scriptmodel_operator.jobs.storage import StorageConfig

_PARTS = {"chunk_size": 8 << 20, "max_concurrency": 2}
_CHECK_SECONDS = 0.5
"""How often a change in progress checks that this process may still act."""
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
_NOT_IMPLEMENTED = "<Code>NotImplemented</Code>"
_MISSING = ("NoSuchKey", "BlobNotFound")
_ANEW_SECONDS, SESSION_SECONDS = 15 * 60, 45 * 60
"""A session, as of a workload identity, lasts an hour or longer. Its keys are fetched anew after the first time, so
that a URL is valid for the second one."""
Store = S3Store | GCSStore | AzureStore
_KINDS: dict[str, tuple[type[Store], tuple[str, ...]]] = {
    "s3": (S3Store, ("AWS_ACCESS_KEY_ID",)),
    "gs": (GCSStore, ("GOOGLE_SERVICE_ACCOUNT_KEY", "GOOGLE_SERVICE_ACCOUNT")),
    "az": (AzureStore, ("AZURE_STORAGE_ACCOUNT_KEY",)),
}
"""The store of a scheme, and the variables with keys that are not those of a session."""
_DENIED = partial(AccessError, advice="let the operator's credentials read, write, list and delete in the bucket")
_BY_STATUS: dict[str, Callable[[str, str, str], EngineError]] = {
    "401": _DENIED,
    "403": _DENIED,
    "404": UnavailableError,  # of the bucket, or of a server that is no bucket: nothing may be taken for lost
    "408": UnavailableError,
    "429": UnavailableError,
}


def open_bucket(config: StorageConfig, called: Called = ignored, leadership: Leadership = UNLIMITED) -> ObstoreBucket:
    """Return the bucket; credentials are those of the environment, as AWS_ACCESS_KEY_ID. No request is sent."""
    where = urlsplit(config.storage)
    kind, keys = _KINDS[where.scheme]
    session = not any(os.environ.get(name) for name in keys)

    def store(endpoint: str, client: ClientConfig, retries: RetryConfig, **settings: bool | str) -> Store:
        if kind is S3Store:
            settings["region"] = config.storage_region
        if endpoint:
            settings["endpoint"] = endpoint
        client = {**client, "allow_http": endpoint.startswith("http:")}
        prefix = where.path.strip("/") or None
        return kind(where.netloc, prefix=prefix, config=settings, client_options=client, retry_config=retries)  # type: ignore[arg-type]  # of the kind

    endpoint = config.storage_endpoint

    @lru_cache(maxsize=2)
    def signing(endpoint: str, _period: int) -> Store:
        return store(endpoint, _READ_CLIENT, _READ_RETRIES)

    def signer(public: bool) -> Store:
        period = int(time.monotonic() // _ANEW_SECONDS) if session else 0
        return signing(config.storage_public_url if public and config.storage_public_url else endpoint, period)

    try:
        reads, writes = store(endpoint, _READ_CLIENT, _READ_RETRIES), store(endpoint, _WRITE_CLIENT, _WRITE_RETRIES)
    except BaseError as error:  # such as a key without a secret
        raise AccessError(f"opening {config.storage}", str(error).partition("\n")[0]) from None
    longest = SESSION_SECONDS if session else math.inf
    singly = partial(store, endpoint, _WRITE_CLIENT, _WRITE_RETRIES, disable_bulk_delete=True)
    return ObstoreBucket(
        reads,
        config.storage,
        writes=writes,
        singly=singly if kind is S3Store else None,
        signer=signer,
        longest=longest,
        called=called,
        leadership=leadership,
    )


class ObstoreBucket:
    """A bucket, or the part of it below a path. `writes` is the same with deadlines for writing."""

    def __init__(
        self,
        store: Store | MemoryStore,
        name: str,
        *,
        writes: Store | MemoryStore | None = None,
        singly: Callable[[], Store] | None = None,
        signer: Callable[[bool], Store] | None = None,
        longest: float = math.inf,
        called: Called = ignored,
        leadership: Leadership = UNLIMITED,
    ) -> None:
        """`singly` returns the store that deletes objects one at a time, for a server that takes no request to delete
        many. `signer` returns the store that signs, for people or not; URLs are valid for `longest` seconds at most.
        What changes the bucket ends with `leadership`.
        """
        self._store = store
        self._writes = writes or store
        self._singly = singly
        self._signer = signer or (lambda _public: cast("Store", store))
        self.longest = longest
        self._name = name
        self._called = called
        self._leadership = leadership

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
            self._act(obstore.put_async, self._writes, key, content, **_PARTS)

    def create(self, key: str, data: bytes, limit: int) -> bytes:
        with self._translated("writing", key) as what:
            try:
                for _ in range(2):  # the second time it exists
                    self._act(obstore.put_async, self._writes, key, data, mode="create")
                self.delete([key])
            except AlreadyExistsError:
                return self.get(key, limit)
            except (BaseError, NotImplementedError) as error:
                if isinstance(error, BaseError) and _NOT_IMPLEMENTED not in str(error):
                    raise
            raise RefusedError(what, "the server has no conditional writes (If-None-Match: *): use one that has them")

    def sizes(self, prefix: str) -> Mapping[str, int]:
        with self._translated("listing", prefix):
            return {each["path"]: each["size"] for chunk in obstore.list(self._store, prefix) for each in chunk}

    def copy(self, source: str, target: str) -> None:
        with self._translated("copying", source):
            self._act(obstore.copy_async, self._writes, source, target)

    def delete(self, keys: Sequence[str]) -> None:
        with self._translated("deleting", " ".join(keys[:3])):
            try:
                self._act(obstore.delete_async, self._writes, keys)
            except FileNotFoundError:  # Azure's answer if one is missing
                for each in keys:
                    with suppress(FileNotFoundError):
                        self._act(obstore.delete_async, self._writes, each)
            except BaseError as error:
                if self._singly is None or _NOT_IMPLEMENTED not in str(error):
                    raise
                self._writes, self._singly = self._singly(), None
                self._act(obstore.delete_async, self._writes, keys)

    def sign(self, method: str, keys: Sequence[str], seconds: float, *, public: bool = False) -> list[str]:
        valid = timedelta(seconds=min(seconds, self.longest))
        with self._translated(_SIGNING, f"{len(keys)} keys"):
            return list(obstore.sign(self._signer(public), cast('Literal["GET", "PUT"]', method), keys, valid))

    def _act(self, change: Callable[..., Awaitable[object]], *arguments: Any, **settings: Any) -> None:
        """Change the bucket, in an event loop of its own, in which a change can be cancelled."""

        async def act() -> None:
            if self._leadership.lease_remaining() <= 0:
                raise _NotActingError
            changing = asyncio.ensure_future(change(*arguments, **settings))
            while not (await asyncio.wait([changing], timeout=_CHECK_SECONDS))[0]:
                if self._leadership.lease_remaining() <= 0:
                    changing.cancel()
                    raise _NotActingError
            changing.result()

        asyncio.run(act())

    @contextmanager
    def _translated(self, doing: str, key: str) -> Iterator[str]:
        what = f"{doing} {key} in {self._name}"
        with counted(self._called if doing != _SIGNING else ignored, doing):
            try:
                yield what
            except (BaseError, FileNotFoundError, NotImplementedError) as error:
                raise _engine_error(error, what) from None
            except _NotActingError:
                raise UnavailableError(what, "this process does not lead") from None


class _NotActingError(Exception):
    """This process may not act any more."""


async def _elsewhere(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield pieces that another thread produces, since they may be reads of the bucket.

    obstore's threads, which send them, wait for none meanwhile: as many as the processor has cores are all that it has.
    """
    found = iter(pieces)
    while (piece := await asyncio.to_thread(next, found, None)) is not None:
        yield piece


def _engine_error(error: Exception, what: str) -> EngineError:
    """Return the error with what the store or the connection says, without URLs, headers and what was signed."""
    text = str(error)
    first = text.partition("\n")[0]
    status, answer, cause = _STATUS.search(first), S3_ERROR.search(text), _CAUSE.search(text)
    said = answer.groups() if answer else (first.rpartition(" - ")[2], *(cause.groups() if cause else ()))
    detail = ": ".join(filter(None, said))
    if answer[1] in _MISSING if answer else not status and isinstance(error, FileNotFoundError):
        return NotFoundError(what, detail)
    if not status:
        return UnavailableError(what, detail)
    default = RefusedError if status[1] < "500" else UnavailableError
    return _BY_STATUS.get(status[1], default)(what, detail, status[1])
