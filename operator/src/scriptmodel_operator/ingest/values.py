"""The values of a download: the request, the record of a download, and the state of an attempt. Values only."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from yarl import URL

from scriptmodel_operator.api.corpus import CorpusHttp
from scriptmodel_operator.api.durations import parse_duration
from scriptmodel_operator.api.names import Key
from scriptmodel_operator.ingest.failures import SourceError
from scriptmodel_operator.pachyderm.errors import PachydermError
from scriptmodel_operator.pachyderm.values import BranchRef

_MEBIBYTE = 1024 * 1024
_DIGEST_DIGITS = 16
_MAX_VALIDATOR = 256

Failure = SourceError | PachydermError


@dataclass(frozen=True, slots=True)
class Validators:
    """The validators of an answer, for a conditional request for a newer file."""

    etag: str = ""
    last_modified: str = ""

    def headers(self) -> Mapping[str, str]:
        """Return the headers of a conditional request, without validators that cannot be sent."""
        found = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in found.items() if value and can_be_kept(value)}


def can_be_kept(validator: str) -> bool:
    """Return whether a validator can be sent back: it is short, without control characters and broken encodings."""
    return len(validator) <= _MAX_VALIDATOR and validator.isprintable()


@dataclass(frozen=True, slots=True)
class DownloadRecord:
    """The record of the download that the newest commit of a corpus was made from."""

    commit: str
    request: str
    """Digest of the part of the request that determines the content of the commit."""
    sha256: str
    """Digest of the downloaded file."""
    validators: Validators = Validators()


@dataclass(frozen=True, slots=True)
class Request:
    """The request of `spec.corpus.http`."""

    url: str
    sha256: str
    include: tuple[str, ...]
    most_bytes: int
    interval: float
    """Seconds."""
    secret: str = ""
    """Name of the Secret with credentials. It does not affect the content of a commit."""

    @property
    def digest(self) -> str:
        text = json.dumps([self.url, self.include])
        return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_DIGITS]

    def answered_by(self, record: DownloadRecord | None) -> bool:
        """Return whether a commit with this record satisfies the request, as far as is known."""
        return record is not None and record.request == self.digest and self.sha256 in ("", record.sha256)

    def settled_by(self, record: DownloadRecord | None) -> bool:
        """Return whether no newer file is possible, because the file with the requested digest was downloaded."""
        return bool(self.sha256) and self.answered_by(record)


def request_of(http: CorpusHttp) -> Request:
    return Request(
        url=http.url,
        sha256=http.sha256,
        include=tuple(http.include),
        most_bytes=http.max_size_mi * _MEBIBYTE,
        interval=parse_duration(http.interval).total_seconds(),
        secret=http.secret_ref.name if http.secret_ref else "",
    )


@dataclass(frozen=True, slots=True)
class Attempt:
    """The state of an object's download in this process. Failure and record may both be set: a failure stays until a
    success.
    """

    failure: Failure | None = None
    failures: int = 0
    """Failures in a row."""
    record: DownloadRecord | None = None
    """The record of the newest successful attempt."""
    committed: float = 0.0
    """When this process last committed it (monotonic seconds): no earlier snapshot has the jobs of that commit."""


@dataclass(frozen=True, slots=True)
class Download:
    """A download for the object `key` into `branch`. `known` is the record of its newest commit."""

    key: Key
    request: Request
    branch: BranchRef
    known: DownloadRecord | None
    requested: str = ""
    """The newest reconcile-at: a changed value polls immediately."""


def shown(address: str | URL) -> str:
    """Return an address for messages: without user, password and query, which may be secret."""
    try:
        url = URL(address) if isinstance(address, str) else address
    except ValueError:
        return "an invalid address"
    return str((url.with_user(None) if url.host else url).with_query(None).with_fragment(None))


def file_name(address: str) -> str:
    """Return the file name of a text from this address: the last part of its path."""
    name = re.split(r"[/\\]", URL(address).name)[-1].strip(". ").removesuffix(".gz")
    return name[:200] or "corpus.txt"
