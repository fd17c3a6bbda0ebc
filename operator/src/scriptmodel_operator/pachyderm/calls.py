"""Sends calls and ends them before their time: all before the lease of this process ends, a stream once it is silent.

gRPC's errors become typed ones: first by code, then by text, since Pachyderm often answers UNKNOWN.
A call may last longer than the lease has left at its start, which is renewed meanwhile.
"""

import itertools
import math
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import grpc
from google.protobuf import wrappers_pb2

from scriptmodel_operator.engine.errors import (
    EngineError,
    NotFoundError,
    PipelineLimitError,
    RefusedError,
    UnavailableError,
)
from scriptmodel_operator.engine.values import BranchRef, Copies, Upload
from scriptmodel_operator.leadership import Leadership
from scriptmodel_operator.pachyderm import messages
from scriptmodel_operator.pachyderm.access import access_error, is_about_access
from scriptmodel_operator.pachyderm.protocol import pfs

POLL_SECONDS = 0.5
"""Time between two checks of a call, which is cancelled so long before the lease ends."""
_BY_CODE: dict[grpc.StatusCode, type[EngineError]] = {
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.CANCELLED: UnavailableError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: UnavailableError,
    grpc.StatusCode.ABORTED: UnavailableError,
    grpc.StatusCode.INTERNAL: UnavailableError,  # from the transport: a proxy, or a stream that was reset
    grpc.StatusCode.DEADLINE_EXCEEDED: UnavailableError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: EngineError,  # created meanwhile: the next snapshot shows it
}
_ACCESS = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
_LIMIT_TEXT = "requires an activation key"
_WHOLE_SPEC = re.compile(r"invalid effective spec \{.*\}: ", re.DOTALL)
"""What 2.8 and later put before the cause of a refusal."""


def translate(error: grpc.RpcError, what: str) -> EngineError:
    # Errors of a call are calls too, which the type stubs do not say.
    code = getattr(error, "code", lambda: grpc.StatusCode.UNKNOWN)()
    detail = _WHOLE_SPEC.sub("", str(getattr(error, "details", lambda: str(error))() or code.name))
    if _LIMIT_TEXT in detail:
        first_line = detail.strip().partition("\n")[0]  # without those about licences for sale
        return PipelineLimitError(what, first_line, code.name)
    if is_about_access(detail) or code in _ACCESS:
        return access_error(what, detail, code.name)
    return _BY_CODE.get(code, RefusedError)(what, detail, code.name)


def answer(call: Any, leadership: Leadership, cancelled: Callable[[], bool] = lambda: False) -> Any:
    """Return the answer of a call; cancel it before the lease ends, or once `cancelled`. Raises grpc.RpcError."""
    ended = threading.Event()
    call.add_done_callback(lambda _call: ended.set())
    try:
        while not ended.wait(POLL_SECONDS):
            if cancelled() or leadership.lease_remaining() <= POLL_SECONDS:
                call.cancel()
        return call.result()
    except grpc.FutureCancelledError as error:
        raise call from error  # a failed call is also its exception
    finally:
        call.cancel()  # after an interrupt


def stream(call: Any, what: str, silence: float, leadership: Leadership) -> Iterator[Any]:
    """Yield the messages of a call; cancel it before the lease ends, or if nothing comes for `silence` seconds.

    Raises grpc.RpcError, and UnavailableError for a silent one.
    """
    until, closed, silent = time.monotonic() + silence, threading.Event(), threading.Event()

    def watch() -> None:
        while not closed.wait(POLL_SECONDS):
            if time.monotonic() > until:
                silent.set()
            if silent.is_set() or leadership.lease_remaining() <= POLL_SECONDS:
                call.cancel()

    threading.Thread(target=watch, name="stream", daemon=True).start()
    try:
        for message in call:
            until = math.inf  # while the caller works on it
            yield message
            until = time.monotonic() + silence
    except grpc.RpcError as error:
        if silent.is_set():  # a message may have come just then
            raise UnavailableError(what, f"nothing came for {silence:g} s", "DEADLINE_EXCEEDED") from error
        raise
    finally:
        closed.set()
        call.cancel()


def upload_requests(
    branch: BranchRef, files: Iterable[Upload], gone: Iterable[str], copies: Copies | None
) -> Iterator[Any]:
    """Yield a ModifyFile stream. Adding to an existing path appends, so each path is deleted first."""
    target = pfs.Commit(repo=messages.repo_message(branch.repo), branch=messages.branch_message(branch))
    yield pfs.ModifyFileRequest(set_commit=target)
    for path in gone:
        yield pfs.ModifyFileRequest(delete_file=pfs.DeleteFile(path=path))
    if copies is not None:
        for path in copies.paths:
            file = pfs.File(commit=messages.commit_message(copies.repo, copies.commit), path=path)
            yield pfs.ModifyFileRequest(copy_file=pfs.CopyFile(dst=path, src=file))
    for path, pieces in files:
        yield pfs.ModifyFileRequest(delete_file=pfs.DeleteFile(path=path))
        # Without the first, empty piece, an empty file would not be created.
        for piece in itertools.chain([b""], pieces):
            raw = wrappers_pb2.BytesValue(value=piece)
            yield pfs.ModifyFileRequest(add_file=pfs.AddFile(path=path, raw=raw))


def fetch_requests(path: str, url: str) -> Iterator[Any]:
    yield pfs.ModifyFileRequest(add_file=pfs.AddFile(path=path, url=pfs.AddFile.URLSource(URL=url)))


def send(
    method: Any,
    requests: Iterator[Any],
    seconds: float,
    metadata: list[tuple[str, str]],
    leadership: Leadership,
    cancelled: Callable[[], bool] = lambda: False,
) -> Any:
    """Send the whole stream or none of it, and return the answer.

    An error of `requests`, raised here again, or an interrupt cancels the call: a stream that only ended early would be
    taken for a complete one. It may last longer than the lease has left at its start; it is cancelled once `leadership`
    has ended or `cancelled` returns True. Raises grpc.RpcError.
    """
    failures: list[BaseException] = []
    started = threading.Event()

    def guarded() -> Iterator[Any]:
        try:
            for request in requests:
                _check_leadership(leadership)
                yield request
            _check_leadership(leadership)  # the end of the stream commits it
        except Exception as error:  # the caller receives it: gRPC only logs what an iterator of requests raises
            failures.append(error)
            started.wait()
            call.cancel()

    call = method.future(guarded(), timeout=seconds, metadata=metadata)
    started.set()
    try:
        return answer(call, leadership, cancelled)
    except grpc.RpcError:
        if failures:
            raise failures[0] from None
        raise


def _check_leadership(leadership: Leadership) -> None:
    """Raise UnavailableError in a process that was paused for so long that it may not send the rest."""
    if leadership.lease_remaining() <= 0:
        raise UnavailableError("uploading", "not sent: this process does not lead")
