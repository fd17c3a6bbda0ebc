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
from scriptmodel_operator.ingest.archive import Options
from scriptmodel_operator.ingest.entries import FileStream
from scriptmodel_operator.ingest.failures import DeliveryCancelledError, SourceError, too_large
from scriptmodel_operator.ingest.frames import Frame, Kind, decode

_PIPE_BYTES = 256 * 1024
_POLL_MILLISECONDS = 100
_END_SECONDS = 2.0
_PATH = re.compile(r"(/[ -.0-~]+)+")
_PARTS_REFUSED = frozenset({".", ".."})
_REASONS = {reason.value: reason for reason in (Reason.CORPUS_INVALID, Reason.CORPUS_TOO_LARGE)}

log = logging.getLogger(__name__)
_warned: set[str] = set()


def files_received(process: subprocess.Popen[bytes], cancelled: threading.Event, options: Options) -> FileStream:
    """Yield the files that a reader sends, as `files_by_reader` does."""
    frames = _frames(process, cancelled, options.seconds)
    _check_start(*next(frames))
    kind, payload = _next(frames)
    paths, size = set[str](), 0

    def contents() -> Iterator[bytes]:
        nonlocal kind, payload, size
        kind, payload = _next(frames)
        while kind is Kind.DATA:
            size += len(payload)
            if not payload:
                raise _attack("nothing")
            if size > options.most_bytes:
                raise _attack("too many bytes")
            yield payload
            kind, payload = _next(frames)

    while kind is Kind.FILE:
        path = _path(payload, paths)
        paths.add(path)
        if len(paths) > options.most_files:
            raise _attack("too many files")
        pieces = contents()
        yield path, pieces
        for _piece in pieces:
            pass
    if kind is not Kind.END:
        raise _attack(f"{kind.name} between files")


def _frames(process: subprocess.Popen[bytes], cancelled: threading.Event, seconds: float) -> Iterator[Frame]:
    """Yield the frames of a reader, received within `seconds` in all."""
    assert process.stdout is not None  # noqa: S101 - a pipe was requested
    pipe, poll, buffer, remaining = process.stdout.fileno(), select.poll(), bytearray(), seconds
    poll.register(pipe, select.POLLIN)
    while True:
        yield from _complete(buffer)
        if cancelled.is_set():
            raise DeliveryCancelledError
        started = time.monotonic()
        ready = poll.poll(_POLL_MILLISECONDS)
        remaining -= time.monotonic() - started
        if remaining <= 0:
            raise too_large(f"reading the archive takes more than {seconds:.0f} s: pack fewer files")
        if ready:
            piece = os.read(pipe, _PIPE_BYTES)
            if not piece:
                raise _ended(process, seconds)
            buffer += piece


def _complete(buffer: bytearray) -> Iterator[Frame]:
    """Take the complete frames from a buffer."""
    try:
        while frame := decode(buffer):
            yield frame
    except ValueError as error:
        raise _attack(str(error)) from error


def _next(frames: Iterator[Frame]) -> Frame:
    """Return the next frame. Raises the failure that it may be."""
    kind, payload = next(frames)
    if kind is Kind.FAILURE:
        raise _failure(payload)
    return kind, payload


def _path(payload: bytes, known: set[str]) -> str:
    path = payload.decode("ascii", "replace")
    if not _PATH.fullmatch(path) or not _PARTS_REFUSED.isdisjoint(path.split("/")) or path in known:
        raise _attack("a path that is not allowed")
    return path


def _ended(process: subprocess.Popen[bytes], seconds: float) -> SourceError:
    """Return why the reader ended before its last frame."""
    try:
        status = process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        return _attack("the end of its output, and continues to run")
    if status == -signal.SIGXCPU:
        return too_large(f"reading the archive takes more than {seconds:.0f} s of CPU: create the archive again")
    how = f"signal {-status}" if status < 0 else f"exit status {status}"
    text = f"the process that reads the archive ended with {how}: check the operator's memory limit; trying again"
    return SourceError(Reason.RETRYING, text, passing=True)


def _attack(what: str) -> SourceError:
    text = f"the process that reads the archive sends what it must not ({what}): the archive may be an attack"
    return SourceError(Reason.CORPUS_INVALID, text)


def _failure(payload: bytes) -> SourceError:
    reason, _, message = payload.decode(errors="replace").partition("\n")
    if reason not in _REASONS or not message.isprintable():
        raise _attack("an invalid failure")
    return SourceError(_REASONS[reason], message)


def _check_start(kind: Kind, payload: bytes) -> None:
    """Check the first frame of a reader, and warn once if it runs without a filter."""
    if kind is not Kind.START:
        raise _attack(f"{kind.name} at the start")
    why = payload.decode(errors="replace")
    if why and not _warned:
        _warned.add(why)
        log.warning("archives are read without a filter of system calls, within limits only: %r", why)
