"""Errors that are reported to clients, each with the gRPC status code that the real server uses."""

from __future__ import annotations

import errno
import logging

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


class UnauthenticatedError(PachError):
    code = grpc.StatusCode.UNAUTHENTICATED


class UnavailableError(PachError):
    """An error after which the client can retry."""

    code = grpc.StatusCode.UNAVAILABLE


class UnimplementedError(PachError):
    code = grpc.StatusCode.UNIMPLEMENTED


FULL = "the disk of localpach is full: free some space on the disk of its --root folder, then retry"


def is_full(error: BaseException) -> bool:
    """Return whether an error means that the disk is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def log_error(log: logging.Logger, what: str, error: BaseException) -> None:
    """Log an unexpected error with its traceback, or a full disk in one line."""
    if is_full(error):
        log.error("%s: %s", what, FULL)
    else:
        log.error(what, exc_info=error)
