"""Errors that reach a client, each with the gRPC code that the real server gives it."""

from __future__ import annotations

import grpc


class PachError(Exception):
    """A refusal. UNKNOWN is the code of every error that has no better one, as in Go's gRPC."""

    code = grpc.StatusCode.UNKNOWN

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def within(self, prefix: str) -> PachError:
        """The same error told from further outside; code and class stay those of the innermost."""
        return type(self)(f"{prefix}: {self.message}")


class NotFoundError(PachError):
    """Something named does not exist."""

    code = grpc.StatusCode.NOT_FOUND


class AlreadyExistsError(PachError):
    """Something of that name exists."""

    code = grpc.StatusCode.ALREADY_EXISTS


class FailedPreconditionError(PachError):
    """The thing is not in the state that the call needs."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class InvalidArgumentError(PachError):
    """The request cannot be right, whatever the state of the server."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class UnavailableError(PachError):
    """Ask again later."""

    code = grpc.StatusCode.UNAVAILABLE


class UnimplementedError(PachError):
    """Knowingly left out of localpach."""

    code = grpc.StatusCode.UNIMPLEMENTED


class DataLossError(PachError):
    """The store does not hold what it should."""

    code = grpc.StatusCode.DATA_LOSS


class JobFinishedError(PachError):
    """A job in a final state cannot be given another one."""


class CommitFinishedError(PachError):
    """A finished commit takes no more changes."""
