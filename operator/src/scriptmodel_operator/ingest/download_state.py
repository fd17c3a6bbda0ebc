"""The values and the errors of what the operator puts into Pachyderm. The record of a download is a `SourceStatus`."""

from collections.abc import Mapping
from dataclasses import dataclass

from scriptmodel_operator.api.corpus import CorpusDownload
from scriptmodel_operator.api.names import Key
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.status import SourceStatus
from scriptmodel_operator.engine.errors import EngineError
from scriptmodel_operator.engine.values import BranchRef


class SourceError(Exception):
    """Why a source could not become a commit, in words for the object's status.

    `passing` if a retry may succeed; `urls` has the error of each URL that could not be fetched.
    """

    def __init__(
        self, reason: Reason, message: str, *, passing: bool = False, urls: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.passing = passing
        self.urls = urls or {}


class CancelledDownloadError(Exception):
    """The object no longer needs this download."""


Failure = SourceError | EngineError


@dataclass(frozen=True, slots=True)
class DownloadState:
    """The state of an object's download in this process. A failure stays, beside an older record, until a success."""

    failure: Failure | None = None
    failures: int = 0
    record: SourceStatus | None = None
    """The record of the newest successful attempt."""
    committed: float = 0.0
    """When this process last committed it (monotonic seconds): no earlier snapshot has the jobs of that commit."""


@dataclass(frozen=True, slots=True)
class Download:
    """A download for the object `key` into `branch`. `known` is the record of its newest commit."""

    key: Key
    request: CorpusDownload
    branch: BranchRef
    known: SourceStatus | None
    requested: str = ""
    """The reconcile-at that is not handled yet: a new value checks the URLs immediately."""
    engine: str = ""
    """What fetches it (`api/identity.py`)."""
    attempt: DownloadState = DownloadState()
    """The state of the object's download that `known` was compared with."""
