"""What the engine needs of a bucket and of the API server. Blocking, for many threads; each raises an EngineError."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

MERGE_PATCH = "application/merge-patch+json"
PUT_HEADERS = {"x-ms-blob-type": "BlockBlob"}
"""Without them Azure stores nothing; other servers ignore them."""
S3_ERROR = re.compile(r"<Code>([^<]*)</Code>\s*<Message>([^<]*)</Message>")
METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
"""Asks for a list of objects without what is in them."""


class Bucket(Protocol):
    """The objects below the path of `storage.url`. Keys are relative to it."""

    def get(self, key: str, limit: int) -> bytes:
        """Return an object. Raises NotFoundError, or RefusedError for one of more than `limit` bytes."""

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return a part of an object. Raises NotFoundError, or RefusedError for an object that ends before."""

    def put(self, key: str, data: bytes | Iterable[bytes]) -> None:
        """Store an object, whole or not at all; an object of that key is replaced. An error of `data` ends it."""

    def create(self, key: str, data: bytes, limit: int) -> bytes:
        """Store an object unless the key exists. Returns the stored object, ours or the existing one.

        Raises RefusedError if the server would store over an existing one.
        """

    def sizes(self, prefix: str) -> Mapping[str, int]:
        """Return the size of each object below `prefix`, by key."""

    def copy(self, source: str, target: str) -> None:
        """Have the store copy an object. Raises NotFoundError."""

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects. A missing one is not an error."""

    def sign(self, method: str, keys: Sequence[str], seconds: float, *, public: bool = False) -> list[str]:
        """Return a presigned URL for each key, `public` for people outside of the cluster. No request is sent."""


class Cluster(Protocol):
    """The API server."""

    def request(
        self,
        method: str,
        path: str,
        what: str,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> dict[str, Any]:
        """Return the JSON of the answer. Raises NotFoundError, ConflictError, AccessError, UnavailableError."""

    def lines(self, path: str, what: str, seconds: float) -> Lines:
        """Return the lines of an answer as they come, as of a log that is followed."""


class Lines(Protocol):
    def __iter__(self) -> Iterator[str]: ...

    def cancel(self) -> None:
        """End the iteration, from any thread."""
