"""The API server for an engine: its errors are those of an engine, and its requests are counted."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from scriptmodel_operator.engine.counting import Called, counted, ignored
from scriptmodel_operator.engine.errors import (
    AccessError,
    ConflictError,
    EngineError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from scriptmodel_operator.kube.client import KubeClient, Lines
from scriptmodel_operator.kube.errors import KubeError, KubeUnavailableError

_ERRORS: Mapping[int, type[EngineError]] = {401: AccessError, 403: AccessError, 404: NotFoundError, 409: ConflictError}
_KIND = re.compile(r"/v1(?:/namespaces/[^/?]+)?/([a-z]+)")


class KubeCluster:
    """Implements `jobs.ports.Cluster`."""

    def __init__(self, client: KubeClient, called: Called = ignored) -> None:
        self._client = client
        self._called = called

    def request(
        self,
        method: str,
        path: str,
        what: str,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> dict[str, Any]:
        kind = _KIND.search(path)
        with counted(self._called, f"{method} {kind[1] if kind else '?'}"), _translated(what):
            return self._client.request(method, path, what, body, content_type, accept)

    def lines(self, path: str, what: str, seconds: float) -> Lines:
        return self._client.lines(path, what, seconds, partial(_translated, what))


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except KubeError as error:
        unavailable = isinstance(error, KubeUnavailableError) or not error.status
        kind = UnavailableError if unavailable else _ERRORS.get(error.status, RefusedError)
        if kind is AccessError:
            raise AccessError(what, error.detail, str(error.status), denied=error.status == 403) from error
        raise kind(what, error.detail, str(error.status or "")) from error
