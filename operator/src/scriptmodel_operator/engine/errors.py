"""The errors of a call to an engine, by what the caller can do about them."""

from __future__ import annotations

from scriptmodel_operator.api.conditions import one_line

_LONGEST_DETAIL = 1900
"""Leaves room for the rest of the message of a condition. The server may repeat what others sent, a web server too."""


class EngineError(Exception):
    """A call failed. `what` names the call and its object, `detail` is the message of the server on one line."""

    def __init__(self, what: str, detail: str, code: str = "") -> None:
        detail = one_line(detail, _LONGEST_DETAIL)
        super().__init__(f"{what}: {detail}")
        self.what = what
        self.detail = detail
        self.code = code


class UnavailableError(EngineError):
    """Pachyderm did not answer: unreachable, overloaded, late, or a broken stream. A write may have taken effect."""


class NotFoundError(EngineError):
    """The object does not exist."""


class ConflictError(EngineError):
    """The object was changed since it was read, or exists already."""


class AccessError(EngineError):
    """The operator's token is missing, wrong, or lacks the permission."""


class PipelineLimitError(EngineError):
    """The pipeline limit of a community server is reached."""


class OtherEngineError(EngineError):
    """The object's pipelines were made on another Pachyderm than the one that answers."""

    def __init__(self, recorded: str, found: str) -> None:
        super().__init__("reading the id of the server", f"it is {found}, not {recorded}")
        self.recorded = recorded
        self.found = found


class RefusedError(EngineError):
    """The server rejected the call; repeating it will not help."""
