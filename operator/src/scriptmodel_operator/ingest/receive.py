"""Receives the frames of a reader process, with a time limit, and validates them."""

from __future__ import annotations

import logging
import os
import re
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterator

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.archive import Limits
from scriptmodel_operator.ingest.failures import DeliveryCancelledError, SourceError, too_large
from scriptmodel_operator.ingest.frames import Kind, decode

_PIPE_BYTES = 256 * 1024
_POLL_MILLISECONDS = 100
_END_SECONDS = 2.0
_PATH = re.compile(r"(/[ -.0-~]+)+")
_PARTS_REFUSED = frozenset({".", ".."})
_REASONS = {reason.value: reason for reason in (Reason.CORPUS_INVALID, Reason.CORPUS_TOO_LARGE)}

log = logging.getLogger(__name__)
_warned: set[str] = set()


class Frames:
    """The frames of a reader, received within `seconds` in all."""

    def __init__(self, process: subprocess.Popen[bytes], cancelled: threading.Event, seconds: float) -> None:
        self._process = process
        self._cancelled = cancelled
        self._seconds = self._remaining = seconds
        self._buffer = bytearray()
        assert process.stdout is not None  # noqa: S101 - a pipe was requested
        self._pipe = process.stdout.fileno()
        self._poll = select.poll()
        self._poll.register(self._pipe, select.POLLIN)

    def next(self) -> tuple[Kind, bytes]:
        """Return the next frame. Raises SourceError, DeliveryCancelledError."""
        try:
            while (frame := decode(self._buffer)) is None:
                self._wait()
                piece = os.read(self._pipe, _PIPE_BYTES)
                if not piece:
                    raise self._ended()
                self._buffer += piece
        except ValueError as error:
            raise _attack(str(error)) from error
        return frame

    def _wait(self) -> None:
        while True:
            if self._cancelled.is_set():
                raise DeliveryCancelledError
            started = time.monotonic()
            ready = self._poll.poll(_POLL_MILLISECONDS)
            self._remaining -= time.monotonic() - started
            if self._remaining <= 0:
                raise too_large(f"reading the archive takes more than {self._seconds:.0f} s: pack fewer files")
            if ready:
                return

    def _ended(self) -> SourceError:
        """Return why the reader ended before its last frame."""
        try:
            status = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            return _attack("the end of its output, and continues to run")
        if status == -signal.SIGXCPU:
            return too_large(
                f"reading the archive takes more than {self._seconds:.0f} s of CPU: create the archive again"
            )
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        text = f"the process that reads the archive ended with {how}: check the operator's memory limit; trying again"
        return SourceError(Reason.RETRYING, text, passing=True)


class Received:
    """The files in the frames of a reader, validated against its limits."""

    def __init__(self, frames: Frames, limits: Limits) -> None:
        self._frames = frames
        self._limits = limits
        self._paths: set[str] = set()
        self._bytes = 0

    def files(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Yield paths and contents, as `Package.files` does. Raises SourceError, DeliveryCancelledError."""
        kind, payload = self._frames.next()
        if kind is not Kind.START:
            raise _attack(f"{kind.name} at the start")
        _warn(payload)
        kind, payload = self._next()
        while kind is Kind.FILE:
            path, contents = self._path(payload), _Contents(self)
            yield path, iter(contents)
            kind, payload = contents.behind()
        if kind is not Kind.END:
            raise _attack(f"{kind.name} between files")

    def _next(self) -> tuple[Kind, bytes]:
        kind, payload = self._frames.next()
        if kind is Kind.FAILURE:
            raise _failure(payload)
        return kind, payload

    def _path(self, payload: bytes) -> str:
        path = payload.decode("ascii", "replace")
        if not _PATH.fullmatch(path) or not _PARTS_REFUSED.isdisjoint(path.split("/")) or path in self._paths:
            raise _attack("a path that is not allowed")
        self._paths.add(path)
        if len(self._paths) > self._limits.files:
            raise _attack("too many files")
        return path

    def piece(self) -> tuple[bytes, tuple[Kind, bytes] | None]:
        """Return the next piece of the newest file, or the frame behind its last one."""
        kind, payload = self._next()
        if kind is not Kind.DATA:
            return b"", (kind, payload)
        if not payload:
            raise _attack("nothing")
        self._bytes += len(payload)
        if self._bytes > self._limits.bytes:
            raise _attack("too many bytes")
        return payload, None


class _Contents:
    """The pieces of one file."""

    def __init__(self, received: Received) -> None:
        self._received = received
        self._behind: tuple[Kind, bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        while self._behind is None:
            piece, self._behind = self._received.piece()
            if piece:
                yield piece

    def behind(self) -> tuple[Kind, bytes]:
        """Skip the remaining pieces; return the frame behind them."""
        for _piece in self:
            pass
        assert self._behind is not None  # noqa: S101 - that is where the loop ends
        return self._behind


def _attack(what: str) -> SourceError:
    text = f"the process that reads the archive sends what it must not ({what}): the archive may be an attack"
    return SourceError(Reason.CORPUS_INVALID, text)


def _failure(payload: bytes) -> SourceError:
    reason, _, message = payload.decode(errors="replace").partition("\n")
    if reason not in _REASONS or not message.isprintable():
        raise _attack("an invalid failure")
    return SourceError(_REASONS[reason], message)


def _warn(payload: bytes) -> None:
    why = payload.decode(errors="replace")
    if why and not _warned:
        _warned.add(why)
        log.warning("archives are read without a filter of system calls, within limits only: %r", why)
