"""Translates gRPC errors into typed ones: first by code, then by text, since Pachyderm often answers UNKNOWN."""

from __future__ import annotations

import re

import grpc

from scriptmodel_operator.pachyderm.access import is_about_access
from scriptmodel_operator.pachyderm.errors import (
    AccessError,
    NotFoundError,
    PachydermError,
    PipelineLimitError,
    RefusedError,
    UnavailableError,
)

_BY_CODE: dict[grpc.StatusCode, type[PachydermError]] = {
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.CANCELLED: UnavailableError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: UnavailableError,
    grpc.StatusCode.ABORTED: UnavailableError,
    grpc.StatusCode.INTERNAL: UnavailableError,  # from the transport: a proxy, or a stream that was reset
    grpc.StatusCode.DEADLINE_EXCEEDED: UnavailableError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: PachydermError,  # created meanwhile: the next snapshot shows it
    grpc.StatusCode.UNAUTHENTICATED: AccessError,
    grpc.StatusCode.PERMISSION_DENIED: AccessError,
}
_LIMIT_TEXT = "requires an activation key"
_WHOLE_SPEC = re.compile(r"invalid effective spec \{.*\}: ", re.DOTALL)
"""What 2.8 and later put before the cause of a refusal."""


def translate(error: grpc.RpcError, what: str) -> PachydermError:
    # Errors of a call are calls too, which the type stubs do not say.
    code = getattr(error, "code", lambda: grpc.StatusCode.UNKNOWN)()
    detail = _WHOLE_SPEC.sub("", str(getattr(error, "details", lambda: str(error))() or code.name))
    if _LIMIT_TEXT in detail:
        first_line = detail.strip().partition("\n")[0]  # without those about licences for sale
        return PipelineLimitError(what, first_line, code.name)
    if is_about_access(detail):
        return AccessError(what, detail, code.name)
    return _BY_CODE.get(code, RefusedError)(what, detail, code.name)
