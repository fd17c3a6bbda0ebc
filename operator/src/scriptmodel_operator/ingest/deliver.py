"""Commits the files of a corpus to a repo as one commit, unless its files are already there. Blocking.

Nothing has to be remembered between a crash and the next attempt: the newest commit is read and compared before
anything is put, and again afterwards.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.entries import FileStream
from scriptmodel_operator.ingest.failures import DeliveryCancelledError, SourceError
from scriptmodel_operator.ingest.package import Digest, digest_of
from scriptmodel_operator.pachyderm.errors import NotFoundError
from scriptmodel_operator.pachyderm.gateway import Gateway
from scriptmodel_operator.pachyderm.values import BranchRef, CommitInfo, Upload

FINISH_SECONDS = 120.0
_POLL_SECONDS = 0.5
_BASE_SECONDS, _SLOWEST = 60.0, 1024 * 1024


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to commit the files of a corpus."""

    gateway: Gateway
    branch: BranchRef
    cancelled: threading.Event

    def deliver(self, files: FileStream, manifest: Mapping[str, Digest]) -> tuple[str, bool]:
        """Return the id of the commit that has exactly these files, and whether this delivery made it.

        Raises SourceError, PachydermError or DeliveryCancelledError.
        """
        head = self._finished_head()
        if head is not None and self._has(head, manifest):
            return head.id, False
        before = self.gateway.walk_files(self.branch.repo, head.id) if head is not None else {}
        size = sum(digest.size for digest in manifest.values())
        self.gateway.replace_files(self.branch, self._watched(files), sorted(before), _seconds(size))
        head = self._finished_head()
        if head is None or not self._has(head, manifest):
            what = f"commit {head.id} ({head.error or 'other files are in it'})" if head else "no commit"
            raise SourceError(Reason.CORPUS_FAILED, f"after the corpus was put into {self.branch}, it has {what}")
        return head.id, True

    def _finished_head(self) -> CommitInfo | None:
        """Return the head of the branch once it is finished: files put into an open commit would become part of it."""
        deadline = time.monotonic() + FINISH_SECONDS
        while True:
            self._check()
            try:
                head = self.gateway.branch_head(self.branch)
            except NotFoundError:
                return None
            if head is None or head.finished:
                return head
            if time.monotonic() > deadline:
                message = f"commit {head.id} of {self.branch} is still open: finish or delete it"
                raise SourceError(Reason.WAITING_FOR_CORPUS_COMMIT, message, passing=True)
            time.sleep(_POLL_SECONDS)

    def _has(self, head: CommitInfo, manifest: Mapping[str, Digest]) -> bool:
        """Return whether a commit has exactly these files; compares sizes first, which needs no download."""
        if head.error:
            return False
        sizes = self.gateway.walk_files(self.branch.repo, head.id)
        if dict(sizes) != {path: digest.size for path, digest in manifest.items()}:
            return False
        return all(self._digest(head, path, digest.size) == digest for path, digest in manifest.items())

    def _digest(self, head: CommitInfo, path: str, size: int) -> Digest:
        self._check()
        return digest_of(iter(self.gateway.stream_file(self.branch.repo, head.id, path, _seconds(size))))

    def _watched(self, files: FileStream) -> Iterator[Upload]:
        """Yield the files to upload. A cancelled delivery raises in the middle, so that nothing is committed."""
        for path, pieces in files:
            yield path, self._watched_pieces(pieces)

    def _watched_pieces(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._check()
            yield piece

    def _check(self) -> None:
        if self.cancelled.is_set():
            raise DeliveryCancelledError


def _seconds(size: int) -> float:
    """Return the deadline of a call that transfers so many bytes."""
    return _BASE_SECONDS + size / _SLOWEST
