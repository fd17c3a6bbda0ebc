"""Errors that are reported to clients, each with the gRPC status code that the real server uses."""

from __future__ import annotations

import grpc


class PachError(Exception):
    """An error that is reported to the client. UNKNOWN is the default code, as in Go's gRPC."""

    code = grpc.StatusCode.UNKNOWN

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def within(self, prefix: str) -> PachError:
        """Return the same error with a prefix; its class and code are kept."""
        return type(self)(f"{prefix}: {self.message}")


class NotFoundError(PachError):
    code = grpc.StatusCode.NOT_FOUND


class AlreadyExistsError(PachError):
    code = grpc.StatusCode.ALREADY_EXISTS


class FailedPreconditionError(PachError):
    code = grpc.StatusCode.FAILED_PRECONDITION


class InvalidArgumentError(PachError):
    code = grpc.StatusCode.INVALID_ARGUMENT


class UnauthenticatedError(PachError):
    code = grpc.StatusCode.UNAUTHENTICATED


class UnavailableError(PachError):
    """An error after which the client can retry."""

    code = grpc.StatusCode.UNAVAILABLE


class UnimplementedError(PachError):
    code = grpc.StatusCode.UNIMPLEMENTED


class DataLossError(PachError):
    code = grpc.StatusCode.DATA_LOSS


class JobFinishedError(PachError):
    """An error because a job in a final state cannot change its state."""


class InvalidGlobError(PachError):
    """An error because a glob cannot be parsed."""
