"""Streams files of any size into a branch as one commit."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import grpc
from google.protobuf import wrappers_pb2

from scriptmodel_operator.leadership import Leadership
from scriptmodel_operator.pachyderm import messages
from scriptmodel_operator.pachyderm.ending import answer
from scriptmodel_operator.pachyderm.errors import UnavailableError
from scriptmodel_operator.pachyderm.protocol import pfs
from scriptmodel_operator.pachyderm.values import BranchRef, Copies, Upload

UPLOAD_SECONDS = 6 * 3600.0
EVERYTHING = "/"
"""The path whose DeleteFile removes all files, because it ends with a slash."""


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
        except Exception as error:
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
