"""Why a source could not become a commit, in words for the object's status."""

from __future__ import annotations

from collections.abc import Mapping

from scriptmodel_operator.api.reasons import Reason


class SourceError(Exception):
    """`passing` if a retry may succeed; `urls` has the error of each URL that could not be fetched."""

    def __init__(
        self, reason: Reason, message: str, *, passing: bool = False, urls: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.passing = passing
        self.urls = urls or {}


class CancelledDownloadError(Exception):
    """The object no longer needs this download."""
