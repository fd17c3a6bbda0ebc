"""Why a source could not become a commit, in words for the object's status."""

from __future__ import annotations

from scriptmodel_operator.api.reasons import Reason


class SourceError(Exception):
    """`passing` if a retry may succeed; `wait` has the seconds that the server requests."""

    def __init__(self, reason: Reason, message: str, *, passing: bool = False, wait: float = 0.0) -> None:
        super().__init__(message)
        self.reason = reason
        self.passing = passing
        self.wait = wait


def invalid(message: str) -> SourceError:
    """Return the error for a downloaded file that is not a corpus."""
    return SourceError(Reason.CORPUS_INVALID, message)


def too_large(message: str) -> SourceError:
    return SourceError(Reason.CORPUS_TOO_LARGE, message)


class DeliveryCancelledError(Exception):
    """The object no longer needs this delivery."""
