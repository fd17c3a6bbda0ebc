"""Counts the calls to the services of an engine, for metrics."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scriptmodel_operator.engine.errors import (
    AccessError,
    ConflictError,
    EngineError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)

Called = Callable[[str, str, float], None]
"""Receives method, code and seconds of a call that has ended, in any thread."""
_CODES: dict[type[EngineError], str] = {
    NotFoundError: "NOT_FOUND",
    ConflictError: "ABORTED",
    AccessError: "PERMISSION_DENIED",
    RefusedError: "INVALID_ARGUMENT",
    UnavailableError: "UNAVAILABLE",
}
"""The code of gRPC for an error of a service that has other codes, so that one alert serves all."""


def ignored(_method: str, _code: str, _seconds: float) -> None:
    """Count nothing."""


@contextmanager
def counted(called: Called, method: str) -> Iterator[None]:
    started, code = time.monotonic(), "OK"
    try:
        yield
    except EngineError as error:
        code = _CODES.get(type(error), "UNKNOWN")
        raise
    finally:
        called(method, code, time.monotonic() - started)
