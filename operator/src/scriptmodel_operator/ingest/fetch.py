"""Has the engine fetch the files of a corpus, and commits them unless they are those of the newest commit. Blocking.

The files are fetched into a file set, which no pipeline reads and which the engine deletes: an operator that is killed
leaves nothing behind, and equal files make no commit. Only hashes reach the operator.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event

from scriptmodel_operator.api.corpus import CorpusBucket, CorpusDownload
from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.api.urls import file_name, without_query
from scriptmodel_operator.engine.errors import NOT_FETCHED, TIMED_OUT, EngineError, NotFoundError
from scriptmodel_operator.engine.gateway import Gateway
from scriptmodel_operator.engine.values import FILE_SETS, BranchRef, CommitInfo, Copies, Fetched, StoredFile, UserBucket

COMMIT_SECONDS = 120.0
_POLL_SECONDS = 0.5
_QUERY = re.compile(r'\?\S*?(?="?:?(?:\s|$))')
"""The query of a URL in a text, without the quote and the colon that may follow."""


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


@dataclass(frozen=True, slots=True)
class Taken:
    """The commit with the files of a source; None if a bucket has the known listing."""

    head: CommitInfo | None
    new: bool = False
    """Whether this process made it."""
    listing: str = ""


@dataclass(frozen=True, slots=True)
class Fetch:
    """One attempt to fetch the files of a corpus into a branch. Every method may raise EngineError."""

    gateway: Gateway
    branch: BranchRef
    seconds: float
    cancelled: Event
    fetcher: str
    """What fetches the files, for messages."""

    def run(self, request: CorpusDownload, known: str = "") -> Taken:
        """Return the commit that has exactly the files of a source. `known` is the listing of the newest commit.

        Raises SourceError, or CancelledDownloadError.
        """
        self._check()
        try:
            fetched = self._fetched(request, known)
        except EngineError as error:
            self._check()
            if error.code == NOT_FETCHED:
                raise SourceError(Reason.DOWNLOAD_FAILED, f"{error}; trying again", passing=True) from error
            raise
        try:
            if fetched.errors:
                causes = {without_query(url): self._cause(url, error) for url, error in fetched.errors.items()}
                raise _failed(self.fetcher, causes)
            return self._committed(fetched) if fetched.file_set else Taken(None)
        finally:
            fetched.discard()

    def _fetched(self, request: CorpusDownload, known: str) -> Fetched:
        if isinstance(request, CorpusBucket):
            bucket = UserBucket(request.url, request.secret_ref.name, known)
            return self.gateway.fetch_bucket(self.branch, bucket, self.seconds, self.cancelled.is_set)
        paths = {f"/{file_name(url)}": url for url in request.urls}
        return self.gateway.fetch_files(self.branch, paths, self.seconds, self.cancelled.is_set)

    def _committed(self, fetched: Fetched) -> Taken:
        """Commit the files of a file set, and those that are kept, unless the newest commit has exactly these."""
        new = self.gateway.walk_files(FILE_SETS, fetched.file_set)
        head, before = self._newest()
        if lost := fetched.kept - before.keys():
            raise SourceError(Reason.DOWNLOAD_FAILED, f"{self.branch} lost {min(lost)!r}; trying again", passing=True)
        files = {**{path: before[path] for path in fetched.kept}, **new}
        if not any(file.size for file in files.values()):
            raise SourceError(Reason.CORPUS_EMPTY, "no file of spec.corpus has any bytes: put scripts there")
        if head is not None and not head.error and before == files:
            return Taken(head, listing=fetched.listing)
        self._check()
        changed = Copies(FILE_SETS, fetched.file_set, sorted(p for p, file in files.items() if before.get(p) != file))
        self.gateway.replace_files(self.branch, (), sorted(before.keys() - files.keys()), COMMIT_SECONDS, changed)
        head, after = self._newest()
        if head is None or head.error or after != files:
            what = f"commit {head.id} ({head.error or 'other files are in it'})" if head else "no commit"
            raise SourceError(Reason.CORPUS_FAILED, f"after the corpus was put into {self.branch}, it has {what}")
        return Taken(head, new=True, listing=fetched.listing)

    def _cause(self, url: str, error: EngineError) -> str:
        """Return the text of an error without the URL and without any query, which may be secret."""
        if error.code == TIMED_OUT:
            return f"it was not complete after {self.seconds:g} s (--download-timeout)"
        text = error.detail
        for prefix in ("error retrieving content from ", "Get "):
            text = text.removeprefix(f'{prefix}"{url}": ').removeprefix(f"{prefix}{url}: ")
        return _QUERY.sub("", text)

    def _newest(self) -> tuple[CommitInfo | None, Mapping[str, StoredFile]]:
        """Return the newest commit of the branch and its files. Files put into an open one would become part of it."""
        deadline = time.monotonic() + COMMIT_SECONDS
        while head := self._head():
            if head.finished:
                return head, self.gateway.walk_files(self.branch.repo, head.id)
            if head.open or time.monotonic() > deadline:
                message = f"commit {head.id} of {self.branch} is still open: run `{self.branch.finish_command}`"
                raise SourceError(Reason.WAITING_FOR_CORPUS_COMMIT, message, passing=True)
            self._check()
            time.sleep(_POLL_SECONDS)
        return None, {}

    def _head(self) -> CommitInfo | None:
        try:
            return self.gateway.branch_head(self.branch)
        except NotFoundError:
            return None

    def _check(self) -> None:
        if self.cancelled.is_set():
            raise CancelledDownloadError


def _failed(fetcher: str, errors: Mapping[str, str]) -> SourceError:
    (url, cause), *others = errors.items()
    more = f" (and {len(others)} more, see status.source.errors)" if others else ""
    text = f"{fetcher} could not fetch {url}: {cause}{more}. Check the address and its server; the operator tries again"
    return SourceError(Reason.DOWNLOAD_FAILED, text, urls=errors)
