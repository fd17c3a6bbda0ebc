"""What can go wrong in a call to Pachyderm, by what one can do about it."""

from __future__ import annotations


class PachydermError(Exception):
    """A call failed. `what` names call and object, `detail` has the server's words."""

    def __init__(self, what: str, detail: str, code: str = "") -> None:
        super().__init__(f"{what}: {detail}")
        self.what = what
        self.detail = detail
        self.code = code


class UnavailableError(PachydermError):
    """No answer: unreachable, overloaded, or cut in mid-stream. Whether a write took effect is unknown."""


class TimedOutError(UnavailableError):
    """No answer within the call's deadline. Whether a write took effect is unknown."""


class NotFoundError(PachydermError):
    """The object is not there."""


class AlreadyExistsError(PachydermError):
    """An object of that name is there already."""


class AccessError(PachydermError):
    """The operator's token is missing, wrong, or may not do this."""


class PipelineLimitError(PachydermError):
    """A community server has as many pipelines as it may have."""


class RefusedError(PachydermError):
    """The server understood and said no; repeating the same call will not help."""
