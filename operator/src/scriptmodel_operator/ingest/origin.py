"""What is wanted of a web server, what is known of it, and what a commit was made from. Values only."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from yarl import URL

from scriptmodel_operator.api.corpus import CorpusHttp
from scriptmodel_operator.api.durations import parse_duration
from scriptmodel_operator.ingest.failures import SourceError
from scriptmodel_operator.pachyderm.errors import PachydermError
from scriptmodel_operator.pachyderm.values import BranchRef

_MEBIBYTE = 1024 * 1024
_DIGEST_DIGITS = 16
_MAX_VALIDATOR = 256

Key = tuple[str, str]
"""Namespace and name."""
Failure = SourceError | PachydermError


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server said of a file, so that it can be asked whether there is another one."""

    etag: str = ""
    last_modified: str = ""

    def headers(self) -> Mapping[str, str]:
        """The conditions of a request. What cannot be sent is left out, whoever wrote it into a status."""
        found = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in found.items() if value and can_be_kept(value)}


def can_be_kept(validator: str) -> bool:
    """Whether a server's text can be sent back to it: not long, without control characters and broken encodings."""
    return len(validator) <= _MAX_VALIDATOR and validator.isprintable()


@dataclass(frozen=True, slots=True)
class Origin:
    """What the newest commit of a corpus was made from."""

    commit: str
    request: str
    """Digest of that part of the request that decides what is in the commit."""
    sha256: str
    """Of the downloaded file."""
    validators: Validators = Validators()


@dataclass(frozen=True, slots=True)
class Request:
    """Of `spec.corpus.http`."""

    url: str
    sha256: str
    include: tuple[str, ...]
    most_bytes: int
    interval: float
    """Seconds."""
    secret: str = ""
    """Name of the Secret with credentials. It does not decide what is in a commit."""

    @property
    def digest(self) -> str:
        text = json.dumps([self.url, self.include])
        return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_DIGITS]

    def answered_by(self, origin: Origin | None) -> bool:
        """Whether a commit made from `origin` is what is wanted, as far as is known."""
        return origin is not None and origin.request == self.digest and self.sha256 in ("", origin.sha256)

    def settled_by(self, origin: Origin | None) -> bool:
        """Whether there can be nothing newer either: the file with that digest is there."""
        return bool(self.sha256) and self.answered_by(origin)


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
    """What this process knows of an object's download. Both at once is possible: a failure stays until a success."""

    failure: Failure | None = None
    failures: int = 0
    """In a row."""
    origin: Origin | None = None
    """Of what the newest attempt that went well found or made."""
    committed: float = 0.0
    """When this process last made a commit of it (monotonic seconds): no earlier look has the jobs of that commit."""


@dataclass(frozen=True, slots=True)
class Download:
    """To be fetched for the object `key`, and put into `branch`. `known` is what its newest commit was made from."""

    key: Key
    request: Request
    branch: BranchRef
    known: Origin | None
    asked: str = ""
    """The newest reconcile-at: another one asks at once."""


def shown(address: str | URL) -> str:
    """For messages: without user, password and query, which may be secret."""
    try:
        url = URL(address) if isinstance(address, str) else address
    except ValueError:
        return "what is no address"
    return str((url.with_user(None) if url.host else url).with_query(None).with_fragment(None))


def file_name(address: str) -> str:
    """What a text from there is called: the last part of the address's path."""
    name = re.split(r"[/\\]", URL(address).name)[-1].strip(". ").removesuffix(".gz")
    return name[:200] or "corpus.txt"
