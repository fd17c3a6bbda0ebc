"""The values of a download: the request, and the state of an attempt. Its record is a `SourceStatus`. Values only."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from scriptmodel_operator.api.corpus import CorpusHttp
from scriptmodel_operator.api.durations import parse_duration
from scriptmodel_operator.api.names import Key
from scriptmodel_operator.api.status import SourceStatus
from scriptmodel_operator.ingest.failures import SourceError
from scriptmodel_operator.pachyderm.errors import PachydermError
from scriptmodel_operator.pachyderm.values import BranchRef

_DIGEST_DIGITS = 16

Failure = SourceError | PachydermError


@dataclass(frozen=True, slots=True)
class Request:
    """The request of `spec.corpus.http`."""

    urls: tuple[str, ...]
    interval: float
    """Seconds."""

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(sorted(self.urls)).encode()).hexdigest()[:_DIGEST_DIGITS]

    def answered_by(self, record: SourceStatus | None) -> bool:
        """Return whether a commit with this record has the files of these URLs."""
        return record is not None and record.request == self.digest


def request_of(http: CorpusHttp) -> Request:
    return Request(tuple(http.urls), parse_duration(http.interval).total_seconds())


@dataclass(frozen=True, slots=True)
class Attempt:
    """The state of an object's download in this process. Failure and record may both be set: a failure stays until a
    success.
    """

    failure: Failure | None = None
    failures: int = 0
    """Failures in a row."""
    record: SourceStatus | None = None
    """The record of the newest successful attempt."""
    committed: float = 0.0
    """When this process last committed it (monotonic seconds): no earlier snapshot has the jobs of that commit."""


@dataclass(frozen=True, slots=True)
class Download:
    """A download for the object `key` into `branch`. `known` is the record of its newest commit."""

    key: Key
    request: Request
    branch: BranchRef
    known: SourceStatus | None
    requested: str = ""
    """The reconcile-at that is not handled yet: a new value checks the URLs immediately."""
