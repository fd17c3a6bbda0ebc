"""The errors of a call to an engine, by what the caller can do about them."""

from scriptmodel_operator.api.conditions import one_line

TIMED_OUT = "DEADLINE_EXCEEDED"
NOT_FETCHED = "NOT_FETCHED"
"""Code of the error of what fetches, which is neither that of a file nor one of the engine: another try may succeed."""
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
    """The engine did not answer: unreachable, overloaded, late, or a broken stream. A write may have taken effect."""


class NotFoundError(EngineError):
    """The object does not exist."""


class ConflictError(EngineError):
    """The object was changed since it was read, or exists already."""


class AccessError(EngineError):
    """The operator's credentials are missing or wrong, or if it is `denied`, they lack the permission.

    `advice` says what to do.
    """

    def __init__(
        self,
        what: str,
        detail: str,
        code: str = "",
        advice: str = "grant the permission to the operator's account",
        *,
        denied: bool = False,
    ) -> None:
        super().__init__(what, detail, code)
        self.advice = advice
        self.denied = denied


class PipelineLimitError(EngineError):
    """The pipeline limit of a community server is reached."""


class OtherEngineError(EngineError):
    """The object's pipelines were made on another engine than the one that answers."""

    def __init__(self, recorded: str, found: str) -> None:
        super().__init__("reading the id of the engine", f"it is {found}, not {recorded}")
        self.recorded = recorded
        self.found = found


class RefusedError(EngineError):
    """The server rejected the call; repeating it will not help."""


def allowing(what: str, value: str) -> str:
    """Return what an administrator has to do to allow a value: the operator's option, and the list of its chart."""
    key = what[0] + what.title().replace("-", "")[1:] + ("es" if what.endswith("s") else "s")
    return f"have the operator run with --allow-{what} {value} (policy.{key} of its chart)"
